/** What `play` tells: one JSON object, or lines for people. */
import { colours } from '../colours.ts';
import type { AgreedField, Difference, FieldDifference } from './difference.ts';
import type { FileResult } from './play-script.ts';

/** Values that one difference shows: registers or locations may be thousands. */
const SHOWN_FIELDS = 16;
/** The widest name that moves the column of values. */
const WIDEST_NAME = 40;

/** The sums over all files. */
export interface Totals {
  readonly traces: number;
  readonly steps: number;
  readonly identical: number;
  readonly different: number;
  readonly notCompared: number;
}

/** Adds up. */
export function totalsOf(results: readonly FileResult[]): Totals {
  const sum = (field: 'steps' | 'identical' | 'different' | 'notCompared'): number =>
    results.reduce((total, result) => total + result[field], 0);
  return {
    traces: results.length,
    steps: sum('steps'),
    identical: sum('identical'),
    different: sum('different'),
    notCompared: sum('notCompared'),
  };
}

/** The object that `play --json` prints; of each file the first difference by itself, and the first `limit` in full. */
export function jsonReport(results: readonly FileResult[], limit = Number.POSITIVE_INFINITY): object {
  const files = results.map(({ file, steps, identical, different, notCompared, differences }) => ({
    file,
    steps,
    identical,
    different,
    notCompared,
    ...(differences.length === 0 ? {} : { firstDifference: differences[0], differences: differences.slice(0, limit) }),
  }));
  return { ...totalsOf(results), files };
}

/** The line of one file. */
export function fileLine({ file, steps, identical, different, notCompared, fault }: FileResult): string {
  const mark =
    fault !== undefined ? colours.magenta('fault') : different > 0 ? colours.red('differs') : colours.green('same   ');
  const counts = [
    different > 0 ? `${different} different` : '',
    notCompared > 0 ? `${notCompared} not compared` : '',
  ].filter((text) => text !== '');
  return `${mark} ${file} ${identical}/${steps}${counts.length > 0 ? colours.dim(` (${counts.join(', ')})`) : ''}\n`;
}

/** The last line. */
export function totalLine({ traces, steps, identical, different, notCompared }: Totals): string {
  return `${traces} traces, ${steps} steps: ${identical} identical, ${different} different, ${notCompared} not compared\n`;
}

/** A difference in full: the script line, the call in words, what rules it, both answers. */
export function differenceText(file: string, difference: Difference): string {
  const { n, step, call, ruledBy, fields, agreed } = difference;
  const lines = [`${colours.bold(`${file}:${n}`)}  ${step}`];
  // A verb alone says less than the line itself.
  if (call.includes(' ')) lines.push(`  call      ${call}`);
  if (ruledBy !== undefined)
    lines.push(
      `  ruled by  ${colours.cyan(ruledBy.section)} (${ruledBy.source})`,
      colours.dim(`            ${ruledBy.rule}`),
    );
  const width = Math.min(WIDEST_NAME, Math.max(...[...fields, ...agreed].map(({ name }) => name.length)));
  for (const field of fields.slice(0, SHOWN_FIELDS)) lines.push(...differingLines(field, width));
  if (fields.length > SHOWN_FIELDS) lines.push(`  ! and ${fields.length - SHOWN_FIELDS} more that differ`);
  for (const field of agreed.slice(0, SHOWN_FIELDS)) lines.push(agreedLine(field, width));
  if (agreed.length > SHOWN_FIELDS) lines.push(colours.dim(`    and ${agreed.length - SHOWN_FIELDS} more that agree`));
  return `${lines.join('\n')}\n`;
}

function agreedLine({ name, value }: AgreedField, width: number): string {
  return colours.dim(`    ${name.padEnd(width)}  both     ${shown(value)}`);
}

function differingLines({ name, expected, actual }: FieldDifference, width: number): string[] {
  const [left, right] = [shown(expected), shown(actual)];
  return [
    `  ! ${colours.bold(name.padEnd(width))}  expected ${coloured(left, right, colours.green)}`,
    `    ${' '.repeat(Math.max(width, name.length))}  actual   ${coloured(right, left, colours.red)}`,
  ];
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Colours the words in which a value is not the other one. */
function coloured(text: string, other: string, colour: (text: string) => string): string {
  const [words, others] = [text.split(' '), other.split(' ')];
  if (words.length !== others.length) return colour(text);
  return words.map((word, i) => (word === others[i] ? word : colour(word))).join(' ');
}
