/**
 * Two answers to one step, laid side by side in named rows: the fields of the answer, the fields of the struct in it,
 * the registers of configuration space, the locations of a probe.
 */
import { toHex } from './bytes.ts';
import { differingBytes } from './compare.ts';
import { decodeStruct } from './decode.ts';
import type { FieldMask } from './not-compared.ts';
import type { Outcome, OutcomeField, ProbeRow } from './outcome.ts';
import { configPosition } from './place.ts';
import { registerAt } from './registers.ts';
import type { Context } from './run.ts';
import { namesOf, POLL_BITS } from './value-names.ts';

/** One named value of both answers; undefined where one of them has none. */
export interface Row {
  readonly name: string;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly differs: boolean;
}

/** What is needed to name the parts of an answer. */
export interface Naming {
  readonly context: Context;
  readonly masks: readonly FieldMask[];
  /** The configuration space of the function that was asked. */
  readonly config: Uint8Array | undefined;
}

type Side = string | undefined;

/** Bytes in a row of data that has no structure. */
const LINE = 16;
const ORDER: readonly OutcomeField[] = [
  'ret',
  'errno',
  'timeout',
  'signal',
  'done',
  'count',
  'value',
  'revents',
  'text',
  'out',
  'same',
  'beyond',
  'data',
  'probe',
];

/** The rows of two answers that differ in `fields`. Bytes that agree have no row; everything else that agrees has one. */
export function answerRows(
  { expected, actual }: { readonly expected: Outcome; readonly actual: Outcome },
  fields: readonly OutcomeField[],
  naming: Naming,
): Row[] {
  return ORDER.flatMap((name) => {
    const [a, b] = [expected[name], actual[name]];
    const differs = fields.includes(name);
    if (a === undefined && b === undefined) return [];
    if (name === 'out') return structRows(a as Side, b as Side, differs, naming);
    if (name === 'probe') return differs ? probeRows(a as ProbeRow[], b as ProbeRow[], naming) : [];
    if (name === 'data' || name === 'beyond') return differs ? byteRows(name, a as Side, b as Side, naming) : [];
    if (name === 'same' && !differs) return [];
    return [{ name, expected: scalar(name, a), actual: scalar(name, b), differs }];
  });
}

/** The bytes of `name` that count as different. */
function differing(name: string, a: Side, b: Side, { masks }: Naming): number[] {
  const compared = masks.find(({ field }) => field === name)?.compared;
  return differingBytes(a ?? '', b ?? '', compared === 'nothing' ? undefined : compared);
}

function scalar(name: OutcomeField, value: unknown): unknown {
  if (name !== 'revents' || typeof value !== 'number') return value;
  const names = namesOf(POLL_BITS, value);
  return names === undefined ? value : `0x${value.toString(16)} ${names}`;
}

function structRows(a: Side, b: Side, differs: boolean, naming: Naming): Row[] {
  const { handle, request } = naming.context;
  if (a === undefined || b === undefined || request === undefined)
    return [{ name: 'out', expected: a, actual: b, differs }];
  const decoded = (hex: string) =>
    new Map(decodeStruct(hex, handle?.kind, request, 'out').map((field) => [field.name, field]));
  const [left, right] = [decoded(a), decoded(b)];
  const positions = differs ? differing('out', a, b, naming) : [];
  const rows = [...new Set([...left.keys(), ...right.keys()])].flatMap((name): Row[] => {
    const [x, y] = [left.get(name), right.get(name)];
    const { offset, size, raw } = (x ?? y)!;
    const within = positions.filter((at) => at >= offset && at < offset + size);
    const isDifferent = within.length > 0 && x?.value !== y?.value;
    if (raw === true && isDifferent) return lineRows('out', a, b, within);
    const label = `out${name.startsWith('[') ? '' : '.'}${name}`;
    return [{ name: label, expected: x?.value, actual: y?.value, differs: isDifferent }];
  });
  const isTold = !differs || rows.some((row) => row.differs);
  return isTold ? rows : [{ name: 'out', expected: a, actual: b, differs }, ...rows];
}

function byteRows(name: string, a: Side, b: Side, naming: Naming): Row[] {
  const positions = differing(name, a, b, naming);
  const start = name === 'data' ? positionInConfig(naming) : undefined;
  return start === undefined
    ? lineRows(name, a ?? '', b ?? '', positions)
    : registerRows(name, a ?? '', b ?? '', positions, start, naming.config!);
}

/** Lines of bytes; only those in which a byte differs. */
function lineRows(name: string, a: string, b: string, positions: readonly number[]): Row[] {
  const starts = new Set(positions.map((at) => at - (at % LINE)));
  return [...starts].map((at) => ({
    name: `${name}[0x${at.toString(16).padStart(3, '0')}]`,
    expected: spaced(a.slice(at * 2, (at + LINE) * 2)),
    actual: spaced(b.slice(at * 2, (at + LINE) * 2)),
    differs: true,
  }));
}

function spaced(hex: string): Side {
  return hex === '' ? undefined : hex.match(/../g)!.join(' ');
}

/** Where in configuration space an access started; undefined: it went elsewhere, or the function is not known. */
function positionInConfig({ context: { handle, offset }, config }: Naming): number | undefined {
  if (config === undefined || offset === undefined) return undefined;
  return handle?.kind === 'config' ? offset : configPosition(offset);
}

/** The registers in which a byte differs, each as far as it was read. */
function registerRows(
  name: string,
  a: string,
  b: string,
  positions: readonly number[],
  start: number,
  config: Uint8Array,
): Row[] {
  const rows = new Map<string, Row>();
  for (const position of positions) {
    const register = registerAt(config, start + position);
    const at = Math.max(register.offset - start, 0) * 2;
    const end = (register.offset + register.width - start) * 2;
    const label = `${name}.${register.name}`;
    rows.set(label, {
      name: label,
      expected: numeral(a.slice(at, end)),
      actual: numeral(b.slice(at, end)),
      differs: true,
    });
  }
  return [...rows.values()];
}

/** Little-endian bytes as one number. */
function numeral(hex: string): Side {
  if (hex === '' || hex.includes('*')) return hex === '' ? undefined : hex;
  return `0x${toHex(Uint8Array.from(Buffer.from(hex, 'hex')).reverse())}`;
}

/** The locations that answered differently. */
function probeRows(expected: readonly ProbeRow[] = [], actual: readonly ProbeRow[] = [], naming: Naming): Row[] {
  const other = new Map(actual.map((row) => [row[0], row]));
  const start = positionInConfig(naming);
  const nameOf = ([offset]: ProbeRow): string => {
    const at = Number(offset);
    const register = start === undefined ? '0x' : registerAt(naming.config!, start + at).name;
    return `probe[0x${at.toString(16)}]${register.startsWith('0x') ? '' : ` ${register}`}`;
  };
  const rows: Row[] = [];
  for (const row of expected) {
    const found = other.get(row[0]);
    other.delete(row[0]);
    if (JSON.stringify(found) !== JSON.stringify(row))
      rows.push({ name: nameOf(row), expected: location(row), actual: location(found), differs: true });
  }
  for (const row of other.values())
    rows.push({ name: nameOf(row), expected: undefined, actual: location(row), differs: true });
  return rows;
}

/** What a location held, and what each of the three writes answered and left. */
function location(row: ProbeRow | undefined): Side {
  if (row === undefined) return undefined;
  const [, original, onesRet, ones, zerosRet, zeros, restoredRet, restored] = row;
  return `original ${original} ones ${onesRet} -> ${ones} zeros ${zerosRet} -> ${zeros} restored ${restoredRet} -> ${restored}`;
}

/** Where in what was read the first difference is that counts; undefined: it is not one of bytes. */
export function firstPosition(
  { expected, actual }: { readonly expected: Outcome; readonly actual: Outcome },
  fields: readonly OutcomeField[],
  naming: Naming,
): number | undefined {
  if (fields.includes('data') && expected.data !== undefined && actual.data !== undefined)
    return differing('data', expected.data, actual.data, naming)[0];
  if (!fields.includes('probe')) return undefined;
  const row = expected.probe?.find((one, i) => JSON.stringify(one) !== JSON.stringify(actual.probe?.[i]));
  return row === undefined ? undefined : Number(row[0]);
}
