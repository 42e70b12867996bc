/**
 * Keeps a machine at rest and brings it back: everything that is reachable from an object by its fields, elements and
 * entries. Building a machine costs hundreds of microseconds, this costs tens, and no part of a machine has to know.
 *
 * It sees what fields hold. What only a closure, a `#private` field, a WeakMap or a suspended generator knows stays as
 * it is, so models and drivers keep their state in fields; {@link ../worlds} checks that they do.
 */
import { type ByteRun, joined, runsOf } from './byte-runs.ts';
import { type Group, grouped, type Shape } from './put-fields.ts';
import { type Fields, fieldsOf, reach } from './reach.ts';

/** Lists, how long each was, and what all of them held, one after another: few objects to visit. */
interface Lists<T> {
  readonly live: T[][];
  readonly lengths: number[];
  readonly kept: T[];
}

/** Up to this many bytes are few. */
const FEW = 256;

/** One kept thing each; the copies stand beside it. */
export class Snapshot {
  private readonly bytes: { readonly live: Uint8Array; readonly kept: Uint8Array }[] = [];
  /** Few bytes, as words: a loop is faster than a call into the runtime. What they were stands in one row, as it does below. */
  private readonly words: Int32Array[] = [];
  private readonly keptWords: Int32Array;
  private readonly arrays: Lists<unknown> = { live: [], lengths: [], kept: [] };
  /** Apart from the others: the runtime stores them in another way, and mixing costs. */
  private readonly numbers: Lists<number> = { live: [], lengths: [], kept: [] };
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
    const views: ArrayBufferView[] = [];
    for (const value of reach(root)) {
      if (shared.has(value)) continue;
      if (ArrayBuffer.isView(value)) views.push(value);
      else this.keep(value);
    }
    for (const run of runsOf(views)) this.keepBytes(run);
    this.keptWords = joined(this.words);
    this.groups = grouped([...this.shapes.values()]);
  }

  /** Everything is as it was when this was made; what has come into being since is forgotten. */
  restore(): void {
    for (const { live, kept } of this.bytes) live.set(kept);
    const { words, keptWords } = this;
    for (let list = 0, at = 0; list < words.length; list++) {
      const live = words[list]!;
      for (let i = 0; i < live.length; i++, at++) if (live[i] !== keptWords[at]) live[i] = keptWords[at]!;
    }
    for (const live of this.emptyTables) if (live.size > 0) live.clear();
    for (const live of this.empty) cut(live, 0);
    const { numbers, arrays } = this;
    for (let list = 0, at = 0; list < numbers.live.length; list++) {
      const live = numbers.live[list]!;
      const length = numbers.lengths[list]!;
      cut(live, length);
      for (let i = 0; i < length; i++, at++) if (live[i] !== numbers.kept[at]) live[i] = numbers.kept[at]!;
    }
    for (let list = 0, at = 0; list < arrays.live.length; list++) {
      const live = arrays.live[list]!;
      const length = arrays.lengths[list]!;
      cut(live, length);
      for (let i = 0; i < length; i++, at++) if (live[i] !== arrays.kept[at]) live[i] = arrays.kept[at];
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
    else if (allNumbers(live)) add(this.numbers, live);
    else add(this.arrays, live);
  }

  private keepBytes({ buffer, start, end }: ByteRun): void {
    const length = end - start;
    if (length <= FEW && start % 4 === 0 && length % 4 === 0)
      this.words.push(new Int32Array(buffer, start, length / 4));
    else {
      const live = new Uint8Array(buffer, start, length);
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

function add<T>({ live, lengths, kept }: Lists<T>, list: T[]): void {
  live.push(list);
  lengths.push(list.length);
  for (const item of list) kept.push(item);
}

const allNumbers = (list: unknown[]): list is number[] => list.every((item) => typeof item === 'number');

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
