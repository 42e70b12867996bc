/** A step whose answer is not the recorded one, told by field of the answer and of the struct in it. */
import { toHex } from './bytes.ts';
import { differingBytes } from './compare.ts';
import { type Decoded, decodeStruct } from './decode.ts';
import type { FieldMask } from './not-compared.ts';
import type { Outcome, OutcomeField, ProbeRow } from './outcome.ts';
import type { Context } from './run.ts';
import type { Step } from './step.ts';

/** One value that differs; undefined where one side has none. */
export interface FieldDifference {
  readonly name: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** A step that was answered differently. */
export interface Difference {
  /** Line of the script. */
  readonly n: number;
  readonly step: string;
  readonly expected: Outcome;
  readonly actual: Outcome;
  readonly fields: readonly FieldDifference[];
  /** The call in words. */
  readonly call: string;
  /** Positions of the bytes that differ, of those that are compared. */
  readonly bytes: Readonly<Partial<Record<BytesField, readonly number[]>>>;
}

/** Fields of an answer that are bytes. */
export type BytesField = 'out' | 'data' | 'beyond';

/** Describes a difference in the fields that `compare` found. */
export function describeDifference(
  step: Step,
  context: Context,
  answers: { readonly expected: Outcome; readonly actual: Outcome },
  fields: readonly OutcomeField[],
  masks: readonly FieldMask[],
): Difference {
  const described = fields.flatMap((field) => describeField(field, context, answers, masks));
  const bytes: Partial<Record<BytesField, readonly number[]>> = {};
  for (const name of ['out', 'data', 'beyond'] as const)
    if (fields.includes(name))
      bytes[name] = positions(answers.expected[name], answers.actual[name], maskOf(name, masks));
  return { n: step.line, step: step.source, ...answers, fields: described, call: describeCall(step, context), bytes };
}

function positions(expected = '', actual = '', mask: Uint8Array | undefined): number[] {
  return differingBytes(expected, actual, mask);
}

function maskOf(name: OutcomeField, masks: readonly FieldMask[]): Uint8Array | undefined {
  const compared = masks.find(({ field }) => field === name)?.compared;
  return compared === 'nothing' ? undefined : compared;
}

function describeField(
  name: OutcomeField,
  context: Context,
  answers: { readonly expected: Outcome; readonly actual: Outcome },
  masks: readonly FieldMask[],
): FieldDifference[] {
  const [expected, actual] = [answers.expected[name], answers.actual[name]];
  const whole = [{ name, expected, actual }];
  if (expected === undefined || actual === undefined) return whole;
  if (name === 'probe') return probeRows(expected as readonly ProbeRow[], actual as readonly ProbeRow[]);
  if (name !== 'out' || context.request === undefined) return whole;
  const differing = differingBytes(String(expected), String(actual), maskOf('out', masks));
  const decoded = (hex: unknown): Map<string, Decoded> => {
    const struct = decodeStruct(String(hex), context.handle?.kind, context.request!, 'out');
    return new Map(struct.map((field) => [field.name, field]));
  };
  const [a, b] = [decoded(expected), decoded(actual)];
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((field) => {
    const { offset, size } = (a.get(field) ?? b.get(field))!;
    return a.get(field)?.value !== b.get(field)?.value && differing.some((at) => at >= offset && at < offset + size);
  });
  return names.length === 0
    ? whole
    : names.map((field) => ({ name: `out.${field}`, expected: a.get(field)?.value, actual: b.get(field)?.value }));
}

function probeRows(expected: readonly ProbeRow[], actual: readonly ProbeRow[]): FieldDifference[] {
  const other = new Map(actual.map((row) => [row[0], row]));
  const rows: FieldDifference[] = [];
  for (const row of expected) {
    const found = other.get(row[0]);
    other.delete(row[0]);
    if (JSON.stringify(found) !== JSON.stringify(row))
      rows.push({ name: `probe[0x${Number(row[0]).toString(16)}]`, expected: row.slice(1), actual: found?.slice(1) });
  }
  for (const [offset, row] of other)
    rows.push({ name: `probe[0x${Number(offset).toString(16)}]`, expected: undefined, actual: row.slice(1) });
  return rows;
}

/** Regions of vfio-pci by index; the first six are BARs. */
const REGIONS = ['BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM', 'config', 'VGA'];
const REGION_SIZE = 2 ** 40;

/** The call in words: the file it went to, the place, the struct. */
export function describeCall({ verb, words }: Step, { handle, request, input, offset }: Context): string {
  const parts: string[] = [verb];
  if (request !== undefined) parts.push(words[1]!);
  if (handle !== undefined) parts.push(`on ${handle.kind}${handle.device === undefined ? '' : ` ${handle.device}`}`);
  if (offset !== undefined) parts.push(`at ${place(offset, handle?.kind === 'device')}`);
  if (request !== undefined && input !== undefined && input.length > 0) {
    const fields = decodeStruct(toHex(input), handle?.kind, request, 'in');
    parts.push(`{ ${fields.map(({ name, value }) => `${name}: ${value}`).join(', ')} }`);
  }
  return parts.join(' ');
}

function place(offset: number, isDevice: boolean): string {
  if (!isDevice || offset < 0) return `0x${offset.toString(16)}`;
  const region = Math.floor(offset / REGION_SIZE);
  return `${REGIONS[region] ?? `region ${region}`} + 0x${(offset % REGION_SIZE).toString(16)}`;
}
