/** How a step reads: one line a person understands. */
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

/** E.g. `A  set_state  state=PRE_COPY`. */
export function describeStep(step: Step): string {
  const args = Object.entries(step.args).map(([name, value]) => `${name}=${(FORMS[name] ?? String)(value)}`);
  return `${step.by}  ${step.op}${args.length ? `  ${args.join(' ')}` : ''}${step.spawn ? '  (left under way)' : ''}`;
}
