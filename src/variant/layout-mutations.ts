/**
 * Structure-aware changes of a stream with a fixed layout, as a table: cut it, lengthen it, bend a field of the header or
 * of a section, flip a bit, swap, drop or repeat sections. Pure functions of the stream and the choices.
 */
import { viewOf } from '../kernel/bytes.ts';
import { boundaryValues, type Fields, writeField } from './field.ts';
import type { Choose, Mutation } from './format.ts';
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
};

const ANY_STREAM = ['truncate', 'extend'] as const;
const NAMES = Object.keys(LAYOUT_MUTATORS);

/** Makes one change of `stream`. */
export function mutateLayout(plan: LayoutPlan, stream: Uint8Array, choose: Choose): Mutation {
  // A plain copy: slice() of a Buffer would be a view of the caller's bytes.
  const own = new Uint8Array(stream);
  const count = Math.max(0, Math.floor((own.length - plan.headerSize) / plan.sectionSize));
  const sections = Array.from({ length: count }, (_, index) => {
    const at = plan.headerSize + index * plan.sectionSize;
    return own.subarray(at, at + plan.sectionSize);
  });
  const what = pick(count > 0 ? NAMES : ANY_STREAM, choose);
  return { what, bytes: LAYOUT_MUTATORS[what]!(own, sections, choose, plan) };
}
