/** Recordings: one JSON object a step; a probe's rows stand on lines of their own. */
import { InputError } from './input-error.ts';
import type { Outcome } from './outcome.ts';
import type { Step } from './step.ts';

/** One recorded answer. */
export interface Recorded {
  /** Line of the recording where it begins, from 1. */
  readonly line: number;
  /** Line of the script. */
  readonly n: number;
  /** The step as written. */
  readonly s: string;
  readonly outcome: Outcome;
}

/** A line of a recording, with its newline. */
export function formatAnswer(step: Step, { probe, ...fields }: Outcome): string {
  const text = JSON.stringify({ n: step.line, s: step.source, ...fields });
  if (probe === undefined) return `${text}\n`;
  return `${text.slice(0, -1)},"probe":[\n${probe.map((row) => JSON.stringify(row)).join(',\n')}]}\n`;
}

/** Reads a recording; `name` is for complaints. Throws {@link InputError} with the line number if it is corrupt. */
export function parseRecording(text: string, name: string): Recorded[] {
  const recorded: Recorded[] = [];
  let start = 0;
  const lines = text.split('\n');
  while (start < lines.length) {
    let end = start + 1;
    while (lines[start]!.startsWith('{') && lines[end]?.startsWith('[')) end++;
    const one = lines.slice(start, end).join('\n');
    if (one.trim() !== '') recorded.push(parseAnswer(one, name, start + 1));
    start = end;
  }
  return recorded;
}

function parseAnswer(text: string, name: string, line: number): Recorded {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(`${name}:${line}: this is not JSON`);
  }
  if (!isAnswer(value)) throw new InputError(`${name}:${line}: an answer needs a line number 'n' and a step 's'`);
  const { n, s, err, ...fields } = value;
  // Some recorders wrote the name of the error under `err`.
  const outcome = typeof err === 'string' && fields.errno === undefined ? { ...fields, errno: err } : fields;
  return { line, n, s, outcome };
}

function isAnswer(value: unknown): value is Outcome & { n: number; s: string; err?: unknown } {
  if (typeof value !== 'object' || value === null) return false;
  const { n, s } = value as { n?: unknown; s?: unknown };
  return typeof n === 'number' && typeof s === 'string';
}

/** Makes sure that a recording answers exactly the steps of a script, in their order. */
export function checkBelongs(steps: readonly Step[], recorded: readonly Recorded[], name: string): void {
  for (const [index, step] of steps.entries()) {
    const one = recorded[index];
    if (one === undefined) throw new InputError(`${name}: has no answer to line ${step.line} of its script`);
    if (one.n !== step.line || one.s !== step.source)
      throw new InputError(`${name}:${one.line}: does not answer line ${step.line} of its script, '${step.source}'`);
  }
  const extra = recorded[steps.length];
  if (extra !== undefined) throw new InputError(`${name}:${extra.line}: answers a step that the script does not have`);
}
