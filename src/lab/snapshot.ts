/**
 * Keeps a machine at rest and brings it back: everything that is reachable from an object by its fields, elements and
 * entries. Building a machine costs hundreds of microseconds, this costs tens, and no part of a machine has to know.
 *
 * It sees what fields hold. What only a closure, a `#private` field, a WeakMap or a suspended generator knows stays as
 * it is, so models and drivers keep their state in fields; {@link ../worlds} checks that they do.
 */

type Bytes = Uint8Array;
type Fields = Record<string, unknown>;

/** Up to this many bytes are few. */
const FEW = 256;

/** One kept thing each; the copies stand beside it. */
export class Snapshot {
  private readonly bytes: { readonly live: Bytes; readonly kept: Bytes }[] = [];
  /** Few bytes, as words: a loop is faster than a call into the runtime. */
  private readonly words: { readonly live: Int32Array; readonly kept: Int32Array }[] = [];
  private readonly arrays: { readonly live: unknown[]; readonly kept: readonly unknown[] }[] = [];
  /** Apart from the others: the runtime stores them in another way, and mixing costs. */
  private readonly numbers: { readonly live: number[]; readonly kept: readonly number[] }[] = [];
  /** Lists that are empty at rest: waiting threads, pending work. */
  private readonly empty: unknown[][] = [];
  private readonly emptyTables: (Map<unknown, unknown> | Set<unknown>)[] = [];
  private readonly maps: { readonly live: Map<unknown, unknown>; readonly kept: readonly [unknown, unknown][] }[] = [];
  private readonly sets: { readonly live: Set<unknown>; readonly kept: readonly unknown[] }[] = [];
  private readonly shapes = new Map<string, Shape>();
  private readonly groups: readonly Group[];
  /** Objects without a prototype, used as tables by name: they grow. */
  private readonly records: { readonly live: Fields; readonly names: ReadonlySet<string> }[] = [];

  /**
   * Keeps what `root` reaches now. What `sibling`, another of the same make, reaches too is nobody's own: tables,
   * descriptions, pools. It is left alone.
   */
  constructor(root: object, sibling: object = {}) {
    const shared = reach(sibling);
    const ranges = new Set<string>();
    const buffers = new Map<unknown, number>();
    for (const value of reach(root)) {
      if (shared.has(value)) continue;
      if (!ArrayBuffer.isView(value)) this.keep(value);
      else {
        // Several views of the same bytes are kept once.
        if (!buffers.has(value.buffer)) buffers.set(value.buffer, buffers.size);
        const range = `${buffers.get(value.buffer)} ${value.byteOffset} ${value.byteLength}`;
        if (!ranges.has(range)) this.keepBytes(value);
        ranges.add(range);
      }
    }
    this.groups = grouped([...this.shapes.values()]);
  }

  /** Everything is as it was when this was made; what has come into being since is forgotten. */
  restore(): void {
    for (const { live, kept } of this.bytes) live.set(kept);
    for (const { live, kept } of this.words)
      for (let i = 0; i < kept.length; i++) if (live[i] !== kept[i]) live[i] = kept[i]!;
    for (const live of this.emptyTables) if (live.size > 0) live.clear();
    for (const live of this.empty) cut(live, 0);
    for (const { live, kept } of this.numbers) {
      cut(live, kept.length);
      for (let i = 0; i < kept.length; i++) if (live[i] !== kept[i]) live[i] = kept[i]!;
    }
    for (const { live, kept } of this.arrays) {
      cut(live, kept.length);
      for (let i = 0; i < kept.length; i++) if (live[i] !== kept[i]) live[i] = kept[i];
    }
    for (const { live, kept } of this.maps) if (!sameMap(live, kept)) refill(live, kept);
    for (const { live, kept } of this.sets) if (!sameSet(live, kept)) refillSet(live, kept);
    for (const { live, names } of this.records) {
      let count = 0;
      for (const _ in live) count++;
      if (count > names.size) for (const name of Object.keys(live)) if (!names.has(name)) delete live[name];
    }
    for (const { shapes, put } of this.groups) put(shapes);
  }

  private keep(value: object): void {
    if (Array.isArray(value)) this.keepList(value);
    else {
      if (value instanceof Map || value instanceof Set) this.keepTable(value);
      this.keepFields(value as Fields);
    }
  }

  private keepTable(live: Map<unknown, unknown> | Set<unknown>): void {
    if (live.size === 0) this.emptyTables.push(live);
    else if (live instanceof Map) this.maps.push({ live, kept: [...live] });
    else this.sets.push({ live, kept: [...live] });
  }

  private keepList(live: unknown[]): void {
    if (Object.isFrozen(live)) return;
    if (live.length === 0) this.empty.push(live);
    else if (allNumbers(live)) this.numbers.push({ live, kept: live.slice() });
    else this.arrays.push({ live, kept: live.slice() });
  }

  private keepBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): void {
    if (byteLength <= FEW && byteOffset % 4 === 0 && byteLength % 4 === 0) {
      const live = new Int32Array(buffer, byteOffset, byteLength / 4);
      this.words.push({ live, kept: live.slice() });
    } else {
      const live = new Uint8Array(buffer, byteOffset, byteLength);
      this.bytes.push({ live, kept: live.slice() });
    }
  }

  private keepFields(live: Fields): void {
    if (Object.isFrozen(live)) return;
    const names = fieldsOf(live);
    if (Object.getPrototypeOf(live) === null) this.records.push({ live, names: new Set(Object.keys(live)) });
    if (names.length === 0) return;
    const key = names.join('\n');
    let shape = this.shapes.get(key);
    if (shape === undefined) this.shapes.set(key, (shape = { names, live: [], kept: [] }));
    shape.live.push(live);
    for (const name of names) shape.kept.push(live[name]);
  }
}

/** Everything that can be reached from an object, itself first. */
function reach(root: object): Set<object> {
  const seen = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) continue;
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) open.push(value[i]);
    else {
      if (value instanceof Map) for (const [key, item] of value) open.push(key, item);
      else if (value instanceof Set) for (const item of value) open.push(item);
      for (const name of fieldsOf(value as Fields)) open.push((value as Fields)[name]);
    }
  }
  return seen;
}

const allNumbers = (list: unknown[]): list is number[] => list.every((item) => typeof item === 'number');

/** Objects made of a literal, or used as tables: they may have accessors. */
function isRecord(live: Fields): boolean {
  const prototype = Object.getPrototypeOf(live);
  return prototype === Object.prototype || prototype === null;
}

/** Names of the fields that can be written. Instances of classes have their accessors elsewhere. */
function fieldsOf(live: Fields): string[] {
  const names = Object.keys(live);
  return isRecord(live) ? names.filter((name) => Object.getOwnPropertyDescriptor(live, name)!.writable) : names;
}

/** Objects with the same names of fields, and what the fields of each held, one object after another. */
interface Shape {
  readonly names: readonly string[];
  readonly live: Fields[];
  readonly kept: unknown[];
}

/** Puts the fields of all objects of some shapes back. */
type Put = (shapes: readonly Shape[]) => void;
interface Group {
  readonly shapes: readonly Shape[];
  readonly put: Put;
}

/** Fields that one function moves: enough to make calls rare, few enough for the compiler. */
const GROUP_FIELDS = 20;
/** Machines of one make have the same groups. */
const puts = new Map<string, Put>();

function grouped(shapes: readonly Shape[]): Group[] {
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

/** Takes away what came on top. Setting the length is a call into the runtime, once lists of several kinds come here. */
function cut(live: unknown[], length: number): void {
  while (live.length > length) live.pop();
}

function sameMap(live: Map<unknown, unknown>, kept: readonly [unknown, unknown][]): boolean {
  if (live.size !== kept.length) return false;
  let at = 0;
  for (const key of live.keys()) {
    const was = kept[at++]!;
    if (key !== was[0] || live.get(key) !== was[1]) return false;
  }
  return true;
}

/** What came in addition goes, one by one: a table that is cleared is made anew, and the collector copies both. */
function refill(live: Map<unknown, unknown>, kept: readonly [unknown, unknown][]): void {
  let at = 0;
  for (const [key, value] of live) {
    const was = kept[at];
    if (was === undefined || was[0] !== key) live.delete(key);
    else {
      if (was[1] !== value) live.set(key, was[1]);
      at++;
    }
  }
  if (at === kept.length) return;
  live.clear();
  for (const [key, value] of kept) live.set(key, value);
}

function sameSet(live: Set<unknown>, kept: readonly unknown[]): boolean {
  if (live.size !== kept.length) return false;
  let at = 0;
  for (const value of live) if (value !== kept[at++]) return false;
  return true;
}

function refillSet(live: Set<unknown>, kept: readonly unknown[]): void {
  let at = 0;
  for (const value of live) {
    if (at < kept.length && kept[at] === value) at++;
    else live.delete(value);
  }
  if (at === kept.length) return;
  live.clear();
  for (const value of kept) live.add(value);
}
