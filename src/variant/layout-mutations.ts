/**
 * Structure-aware changes of a stream with a fixed layout, as a table: cut it, lengthen it, bend a field of the header or
 * of a section, flip a bit, swap, drop or repeat sections. Pure functions of the stream and the choices.
 */
import { viewOf } from '../kernel/bytes.ts';
import { boundaryValues, type Fields, writeField } from './field.ts';
import { type Choose, choicesOf, type Mutation, type StreamFault } from './format.ts';
import { join } from './record-stream.ts';

/** What a mutator knows of a format. */
export interface LayoutPlan {
  readonly headerSize: number;
  readonly sectionSize: number;
  readonly header: Fields;
  readonly fields: Fields;
  readonly littleEndian: boolean;
}

/** `stream` is a copy of its own, `sections` are views of it. */
type Mutator = (stream: Uint8Array, sections: readonly Uint8Array[], choose: Choose, plan: LayoutPlan) => Uint8Array;

function pick<T>(list: readonly T[], choose: Choose): T {
  return list[choose(list.length)]!;
}

function bend(bytes: Uint8Array, fields: Fields, choose: Choose, little: boolean): void {
  const field = pick(Object.values(fields), choose);
  writeField(viewOf(bytes), 0, field, pick(boundaryValues(field), choose), little);
}

/** The mutators by name. All but the first two need a whole header and at least one section. */
export const LAYOUT_MUTATORS: Readonly<Record<string, Mutator>> = {
  truncate: (stream, _sections, choose) => stream.slice(0, choose(stream.length + 1)),
  extend: (stream, _sections, choose) =>
    join([stream, new Uint8Array(1 + choose(64)).fill(pick([0, 0xff, 1], choose))]),
  'bend a header field': (stream, _sections, choose, { header, littleEndian }) => {
    bend(stream, header, choose, littleEndian);
    return stream;
  },
  'bend a field of a section': (stream, sections, choose, { fields, littleEndian }) => {
    bend(pick(sections, choose), fields, choose, littleEndian);
    return stream;
  },
  'flip a bit': (stream, _sections, choose) => {
    stream[choose(stream.length)]! ^= 1 << choose(8);
    return stream;
  },
  'swap two sections': (stream, sections, choose) => {
    const [a, b] = [pick(sections, choose), pick(sections, choose)];
    const kept = a.slice();
    a.set(b);
    b.set(kept);
    return stream;
  },
  'drop a section': (stream, sections, choose, { headerSize }) => {
    const gone = choose(sections.length);
    return join([stream.subarray(0, headerSize), ...sections.filter((_, index) => index !== gone)]);
  },
  'repeat a section': (stream, sections, choose) => join([stream, pick(sections, choose)]),
  'cut near the end of a part': (stream, sections, choose, { headerSize, sectionSize }) =>
    stream.slice(0, headerSize + choose(sections.length + 1) * sectionSize + pick([-1, 0, 1], choose)),
};

const ANY_STREAM = ['truncate', 'extend'] as const;
const NAMES = Object.keys(LAYOUT_MUTATORS);
/** The kinds of faults, by number. */
export const LAYOUT_FAULTS: readonly string[] = NAMES;

/** Makes one change of `stream`. */
export function mutateLayout(plan: LayoutPlan, stream: Uint8Array, choose: Choose): Mutation {
  // A plain copy: slice() of a Buffer would be a view of the caller's bytes.
  const own = new Uint8Array(stream);
  const sections = sectionsOf(plan, own);
  const what = pick(sections.length > 0 ? NAMES : ANY_STREAM, choose);
  return { what, bytes: LAYOUT_MUTATORS[what]!(own, sections, choose, plan) };
}

/** Makes the change that a fault stands for. */
export function faultInLayout(plan: LayoutPlan, stream: Uint8Array, fault: StreamFault): Uint8Array {
  const own = new Uint8Array(stream);
  const sections = sectionsOf(plan, own);
  const names = sections.length > 0 ? NAMES : ANY_STREAM;
  const name = names[fault.kind % names.length]!;
  // There is one header: the second and third number say which field, and what becomes of it.
  const choices =
    name === 'bend a header field' ? choicesOf({ ...fault, part: fault.place, place: fault.value }) : choicesOf(fault);
  return LAYOUT_MUTATORS[name]!(own, sections, choices, plan);
}

/** See {@link MigrationFormat.describeFault}. */
export function describeLayoutFault({ header, fields }: LayoutPlan, { kind, part, place, value }: StreamFault): string {
  const name = NAMES[kind % NAMES.length]!;
  if (name === 'truncate') return `truncate to ${part} bytes`;
  const table = name === 'bend a header field' ? header : name === 'bend a field of a section' ? fields : undefined;
  if (table === undefined) return `${name}: ${part + 1}, ${place}, ${value}`;
  const [called, field] = Object.entries(table)[place % Object.keys(table).length]!;
  const values = boundaryValues(field);
  const where = table === header ? 'the header' : `section ${part + 1}`;
  return `${name}: ${called} of ${where} becomes 0x${values[value % values.length]!.toString(16)}`;
}

function sectionsOf(plan: LayoutPlan, own: Uint8Array): Uint8Array[] {
  const count = Math.max(0, Math.floor((own.length - plan.headerSize) / plan.sectionSize));
  return Array.from({ length: count }, (_, index) => {
    const at = plan.headerSize + index * plan.sectionSize;
    return own.subarray(at, at + plan.sectionSize);
  });
}
