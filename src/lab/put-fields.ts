/** Puts the fields of many objects back, fast. */
import type { Fields } from './reach.ts';

/** Objects with the same names of fields, and what the fields of each held, one object after another. */
export interface Shape {
  readonly names: readonly string[];
  readonly live: Fields[];
  readonly kept: unknown[];
}

/** Puts the fields of all objects of some shapes back. */
export type Put = (shapes: readonly Shape[]) => void;
export interface Group {
  readonly shapes: readonly Shape[];
  readonly put: Put;
}

/** Fields that one function moves: enough to make calls rare, few enough for the compiler. */
const GROUP_FIELDS = 20;
/** Machines of one make have the same groups. */
const puts = new Map<string, Put>();

export function grouped(shapes: readonly Shape[]): Group[] {
  const groups: Group[] = [];
  for (let from = 0; from < shapes.length; ) {
    let to = from;
    for (let fields = 0; to < shapes.length && fields < GROUP_FIELDS; to++) fields += shapes[to]!.names.length;
    const group = shapes.slice(from, to);
    groups.push({ shapes: group, put: putOf(group) });
    from = to;
  }
  return groups;
}

/**
 * A function with the names written out is what the compiler of the runtime makes plain moves of: a few nanoseconds an
 * object, where a loop over names takes 17 a field.
 */
function putOf(shapes: readonly Shape[]): Put {
  const key = JSON.stringify(shapes.map(({ names }) => names));
  let put = puts.get(key);
  if (put === undefined) puts.set(key, (put = new Function('shapes', shapes.map(code).join('\n')) as Put));
  return put;
}

function code({ names }: Shape, number: number): string {
  const moves = names.map((name, index) => {
    const field = `object[${JSON.stringify(name)}]`;
    // Most fields never change: comparing leaves their memory clean.
    return `if (${field} !== kept[at + ${index}]) ${field} = kept[at + ${index}];`;
  });
  const each = `const object = live[i];\n${moves.join('\n')}`;
  const loop = `for (let i = 0, at = 0; i < live.length; i++, at += ${names.length}) {\n${each}\n}`;
  return `{ const { live, kept } = shapes[${number}];\n${loop} }`;
}
