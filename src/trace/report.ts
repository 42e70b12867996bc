/** What `play` tells: one JSON object, or lines for people. */
import { colours } from '../colours.ts';
import type { Difference, FieldDifference } from './difference.ts';
import type { FileResult } from './play-script.ts';

/** Rows of a probe, or fields of a struct, that one difference shows. */
const SHOWN_FIELDS = 12;
/** Bytes a line of raw output shows. */
const LINE = 32;

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

/** The object that `play --json` prints. */
export function jsonReport(results: readonly FileResult[]): object {
  const files = results.map(({ file, steps, identical, different, differences: [first] }) => ({
    file,
    steps,
    identical,
    different,
    ...(first === undefined ? {} : { firstDifference: withoutCall(first) }),
  }));
  return { ...totalsOf(results), files };
}

function withoutCall({ n, step, expected, actual, fields }: Difference): object {
  return { n, step, expected, actual, fields };
}

/** The line of one file. */
export function fileLine({ file, steps, identical, different, notCompared, fault }: FileResult): string {
  const mark =
    fault !== undefined ? colours.magenta('fault') : different > 0 ? colours.red('differs') : colours.green('same   ');
  const rest = notCompared > 0 ? colours.dim(` (${notCompared} not compared)`) : '';
  return `${mark} ${file} ${identical}/${steps}${rest}\n`;
}

/** The last line. */
export function totalLine({ traces, steps, identical, different, notCompared }: Totals): string {
  return `${traces} traces, ${steps} steps: ${identical} identical, ${different} different, ${notCompared} not compared\n`;
}

/** A difference in full: the script line, the call in words, the fields that differ, the raw bytes. */
export function differenceText(file: string, { n, step, expected, actual, fields, call, bytes }: Difference): string {
  const lines = [`${colours.bold(`${file}:${n}`)}  ${step}`, colours.dim(`  ${call}`)];
  for (const field of fields.slice(0, SHOWN_FIELDS)) lines.push(...fieldLines(field));
  if (fields.length > SHOWN_FIELDS) lines.push(colours.dim(`  and ${fields.length - SHOWN_FIELDS} more`));
  for (const name of ['out', 'data', 'beyond'] as const)
    if (bytes[name] !== undefined)
      lines.push(`  raw ${name}`, ...rawLines(expected[name] ?? '', actual[name] ?? '', new Set(bytes[name])));
  return `${lines.join('\n')}\n`;
}

function fieldLines({ name, expected, actual }: FieldDifference): string[] {
  if (name === 'data' || name === 'out' || name === 'beyond') return [];
  return [`  ${name}: expected ${colours.green(shown(expected))}, actual ${colours.red(shown(actual))}`];
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Both sides in lines of 32 bytes; only the lines that differ, with the differing bytes in colour. */
function rawLines(expected: string, actual: string, differing: ReadonlySet<number>): string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.max(expected.length, actual.length) / 2; at += LINE) {
    if (!Array.from({ length: LINE }, (_, i) => at + i).some((position) => differing.has(position))) continue;
    const offset = `0x${at.toString(16).padStart(3, '0')}`;
    lines.push(`    ${offset} expected ${coloured(expected, at, differing, colours.green)}`);
    lines.push(`    ${offset} actual   ${coloured(actual, at, differing, colours.red)}`);
  }
  return lines;
}

function coloured(
  hex: string,
  start: number,
  differing: ReadonlySet<number>,
  colour: (text: string) => string,
): string {
  let text = '';
  for (let i = start; i < start + LINE && i * 2 < hex.length; i++) {
    const byte = hex.slice(i * 2, i * 2 + 2);
    text += `${differing.has(i) ? colour(byte) : byte}${i % 8 === 7 ? ' ' : ''}`;
  }
  return text;
}
