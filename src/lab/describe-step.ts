/** How a step reads: one line a person understands. */
import type { MigrationFormat } from '../variant/format.ts';
import { describeStreamFault, STREAM_ARGS } from './operations/faulty-stream.ts';
import { STATE_NAMES } from './reference/arcs.ts';
import type { Step } from './scenario.ts';

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Arguments that read better in another form. */
const FORMS: Readonly<Record<string, (value: number) => string>> = {
  iova: hex,
  source: hex,
  target: hex,
  offset: hex,
  value: hex,
  salt: hex,
  flags: hex,
  state: (value) => STATE_NAMES[value] ?? String(value),
};

/** Arguments that a fault in words stands for; `chunk` is said besides. */
const OF_A_FAULT: ReadonlySet<string> = new Set(STREAM_ARGS.filter((name) => name !== 'chunk'));

/** E.g. `A  set_state  state=PRE_COPY`. With the format a fault of a stream is told in words. */
export function describeStep(step: Step, format?: MigrationFormat): string {
  if (step.by === 'H' && step.args.what! >= 4)
    return `H  the parent ${step.args.what === 4 ? 'takes its devices out of service' : 'serves its devices again'}`;
  const faulty = step.args.fault !== undefined;
  const fault = faulty ? describeStreamFault(step.args, format) : undefined;
  const shown = Object.entries(step.args).filter(
    ([name]) => !faulty || !OF_A_FAULT.has(name) || (step.args.fault !== 0 && fault === undefined),
  );
  const args = shown.map(([name, value]) => `${name}=${(FORMS[name] ?? String)(value)}`);
  if (fault !== undefined) args.push(`fault: ${fault}`);
  return `${step.by}  ${step.op}${args.length ? `  ${args.join(' ')}` : ''}${step.spawn ? '  (left under way)' : ''}`;
}
