/**
 * Structure-aware changes of a record stream, as a table: cut it, lengthen it, bend a header field, swap, drop, repeat
 * or splice records, change a tag, flip payload bits. Pure functions of the stream and the choices.
 */
import { viewOf } from '../kernel/bytes.ts';
import { boundaryValues, FIELD_WIDTH, type FieldDeclaration, type Fields, readField, writeField } from './field.ts';
import { type Choose, choicesOf, type Mutation, type StreamFault } from './format.ts';
import type { FieldsPayload, Records } from './record-declaration.ts';
import type { DecoderPlan } from './record-decoder.ts';
import { join, type SplitStream, splitRecords } from './record-stream.ts';

type Plan = DecoderPlan<Fields, Records>;
type Mutator = (stream: Uint8Array, split: SplitStream, choose: Choose, plan: Plan) => Uint8Array;

function pick<T>(list: readonly T[], choose: Choose): T {
  return list[choose(list.length)]!;
}

/** Replaces record `index` by `records`. */
function replaced(split: SplitStream, index: number, records: readonly Uint8Array[]): Uint8Array {
  return join([...split.records.slice(0, index), ...records, ...split.records.slice(index + 1), split.tail]);
}

function withField(plan: Plan, record: Uint8Array, name: string, value: bigint): Uint8Array {
  const copy = record.slice();
  const view = viewOf(copy);
  writeField(view, 0, plan.definition.header[name]!, value, plan.definition.littleEndian);
  return copy;
}

/** The mutators by name. All but the first two need at least one whole record. */
export const RECORD_MUTATORS: Readonly<Record<string, Mutator>> = {
  truncate: (stream, _split, choose) => stream.slice(0, choose(stream.length + 1)),
  extend: (stream, _split, choose) => {
    const more = new Uint8Array(1 + choose(64)).fill(pick([0, 0xff, 1], choose));
    return join([stream, more]);
  },
  'cut a header': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    return join([...split.records.slice(0, index), split.records[index]!.subarray(0, choose(plan.headerSize))]);
  },
  'bend a header field': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const [name, field] = pick(plan.header, choose);
    return replaced(split, index, [withField(plan, split.records[index]!, name, pick(boundaryValues(field), choose))]);
  },
  'flip a header bit': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const copy = split.records[index]!.slice();
    copy[choose(plan.headerSize)]! ^= 1 << choose(8);
    return replaced(split, index, [copy]);
  },
  'flip a payload bit': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const copy = split.records[index]!.slice();
    if (copy.length === plan.headerSize) return replaced(split, index, [copy]);
    copy[plan.headerSize + choose(copy.length - plan.headerSize)]! ^= 1 << choose(8);
    return replaced(split, index, [copy]);
  },
  'repeat a record': (_stream, split, choose) => {
    const index = choose(split.records.length);
    return replaced(split, index, new Array<Uint8Array>(2 + choose(2)).fill(split.records[index]!));
  },
  'drop a record': (_stream, split, choose) => replaced(split, choose(split.records.length), []),
  'swap two records': (_stream, split, choose) => {
    const records = [...split.records];
    const [a, b] = [choose(records.length), choose(records.length)];
    [records[a], records[b]] = [records[b]!, records[a]!];
    return join([...records, split.tail]);
  },
  'splice a payload': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const header = split.records[index]!.subarray(0, plan.headerSize);
    const payload = pick(split.records, choose).subarray(plan.headerSize);
    return replaced(split, index, [join([header, payload])]);
  },
  'resize a payload': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const record = split.records[index]!;
    const payload = record.subarray(plan.headerSize);
    const length = pick([0, 1, payload.length >> 1, Math.max(0, payload.length - 1), payload.length + 1], choose);
    const bytes = new Uint8Array(length);
    bytes.set(payload.subarray(0, length));
    const header = withField(plan, record.subarray(0, plan.headerSize), plan.definition.lengthField, BigInt(length));
    return replaced(split, index, [join([header, bytes])]);
  },
  'change the tag': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const unknown = Math.max(...plan.kinds.keys()) + 1;
    const tag = pick([...plan.kinds.keys(), unknown, 0xff], choose);
    const record = withField(plan, split.records[index]!, plan.definition.tagField, BigInt(tag));
    const { field, mask } = plan.definition.optionalFlag;
    return replaced(split, index, [withField(plan, record, field, choose(2) ? BigInt(mask) : 0n)]);
  },
  'bend a payload field': (stream, split, choose, plan) => {
    const first = choose(split.records.length);
    const fields = payloadFields(plan);
    if (fields.length === 0) return stream;
    const { tag, field } = pick(fields, choose);
    const { length } = split.records;
    const index = [...split.records.keys()]
      .map((i) => (first + i) % length)
      .find((i) => tagOf(plan, split.records[i]!) === tag);
    if (index === undefined) return stream;
    const copy = split.records[index]!.slice();
    const value = pick(boundaryValues(field), choose);
    if (copy.length >= plan.headerSize + field.offset + FIELD_WIDTH[field.type])
      writeField(viewOf(copy), plan.headerSize, field, value, plan.definition.littleEndian);
    return replaced(split, index, [copy]);
  },
  'cut near the end of a header': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const end = plan.headerSize + pick([-1, 0, 1], choose);
    return join([...split.records.slice(0, index), split.records[index]!.subarray(0, Math.max(0, end))]);
  },
  'the records the other way round': (_stream, split) => join([...split.records].reverse()),
  'insert an empty record': (_stream, split, choose, plan) => {
    const index = choose(split.records.length);
    const { lengthField, tagField } = plan.definition;
    const header = withField(plan, split.records[index]!.subarray(0, plan.headerSize), lengthField, 0n);
    // Of any kind: what one record makes ready for the next is then not there.
    const empty = withField(plan, header, tagField, BigInt(pick([...plan.kinds.keys()], choose)));
    return replaced(split, index, [empty, split.records[index]!]);
  },
};

/** Fields of all records whose payload is fields. */
function payloadFields({
  kinds,
}: Plan): { readonly tag: number; readonly name: string; readonly field: FieldDeclaration }[] {
  return [...kinds].flatMap(([tag, [, payload]]) =>
    payload.kind === 'fields'
      ? Object.entries((payload as FieldsPayload).fields).map(([name, field]) => ({ tag, name, field }))
      : [],
  );
}

function tagOf({ definition }: Plan, record: Uint8Array): number {
  return Number(readField(viewOf(record), 0, definition.header[definition.tagField]!, definition.littleEndian));
}

const ANY_STREAM = ['truncate', 'extend'] as const;
const NAMES = Object.keys(RECORD_MUTATORS);
/** The kinds of faults, by number. */
export const RECORD_FAULTS: readonly string[] = NAMES;

/** Makes the change that a fault stands for. */
export function faultInRecords(plan: Plan, stream: Uint8Array, fault: StreamFault): Uint8Array {
  const own = new Uint8Array(stream);
  const split = splitRecords(plan, own);
  const names = split.records.length > 0 ? NAMES : ANY_STREAM;
  return RECORD_MUTATORS[names[fault.kind % names.length]!]!(own, split, choicesOf(fault), plan);
}

/** See {@link MigrationFormat.describeFault}. */
export function describeRecordFault(plan: Plan, fault: StreamFault): string {
  const name = NAMES[fault.kind % NAMES.length]!;
  const { part, place, value } = fault;
  const bent = (called: string, field: FieldDeclaration): string => {
    const values = boundaryValues(field);
    return `${name}: ${called} of record ${part + 1} becomes 0x${values[value % values.length]!.toString(16)}`;
  };
  if (name === 'bend a header field') {
    const [called, field] = plan.header[place % plan.header.length]!;
    return bent(called, field);
  }
  const fields = payloadFields(plan);
  if (name === 'bend a payload field' && fields.length > 0) {
    const { name: called, field } = fields[place % fields.length]!;
    return bent(called, field);
  }
  return name === 'truncate' ? `truncate to ${part} bytes` : `${name}: record ${part + 1}, ${place}, ${value}`;
}

/** Makes one change of `stream`. */
export function mutateRecords(plan: Plan, stream: Uint8Array, choose: Choose): Mutation {
  // A plain copy: slice() of a Buffer would be a view of the caller's bytes.
  const own = new Uint8Array(stream);
  const split = splitRecords(plan, own);
  const what = pick(split.records.length > 0 ? NAMES : ANY_STREAM, choose);
  return { what, bytes: RECORD_MUTATORS[what]!(own, split, choose, plan) };
}
