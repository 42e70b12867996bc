/**
 * Disjoint half-open intervals [start, start + length) of the number line, sorted by start. An interval never has zero
 * length and never overlaps another: insert refuses. Positions are byte addresses below 2^53.
 */
export interface Interval {
  readonly start: number;
  readonly length: number;
}

/**
 * A sorted set of disjoint intervals with binary search: look-up O(log n), insert and remove O(n) moves. The bounds stand
 * in arrays of their own: a search then touches numbers only, whatever kinds of items the sets of a machine hold.
 */
export class Intervals<T extends Interval> {
  private readonly list: T[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  /** Where the last look-up ended: the next is often for the same place. */
  private last = 0;

  /** In order. */
  get items(): readonly T[] {
    return this.list;
  }

  get size(): number {
    return this.list.length;
  }

  /** The interval that holds `position`, if any. */
  at(position: number): T | undefined {
    const { last, starts, ends } = this;
    if (last < ends.length && position < ends[last]! && starts[last]! <= position) return this.list[last];
    const index = this.firstFrom(position);
    if (index >= ends.length || starts[index]! > position) return undefined;
    this.last = index;
    return this.list[index];
  }

  /** The first interval that ends after `position`: where a walk over [position, ...) begins. */
  firstFrom(position: number): number {
    const { ends } = this;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Does any interval touch [start, start + length)? */
  overlaps(start: number, length: number): boolean {
    const next = this.firstFrom(start);
    return next < this.list.length && this.starts[next]! < start + length;
  }

  /** Adds `item`; false (and no change) if it is empty or touches another. */
  insert(item: T): boolean {
    const { start, length } = item;
    if (length <= 0 || this.overlaps(start, length)) return false;
    const index = this.firstFrom(start);
    place(this.list, index, item);
    place(this.starts, index, start);
    place(this.ends, index, start + length);
    return true;
  }

  /** Removes exactly `item`; false if it is not in the set. */
  remove(item: T): boolean {
    const index = this.firstFrom(item.start);
    if (this.list[index] !== item) return false;
    take(this.list, index);
    take(this.starts, index);
    take(this.ends, index);
    return true;
  }

  /** The intervals that touch [start, start + length), in order. */
  within(start: number, length: number): T[] {
    const from = this.firstFrom(start);
    let to = from;
    while (to < this.list.length && this.starts[to]! < start + length) to++;
    return this.list.slice(from, to);
  }

  clear(): void {
    this.list.length = 0;
    this.starts.length = 0;
    this.ends.length = 0;
  }
}

/** Moves one up what follows; the sets are short, and splice makes an array each time. */
function place<T>(list: T[], index: number, item: T): void {
  list.push(item);
  for (let i = list.length - 1; i > index; i--) list[i] = list[i - 1]!;
  list[index] = item;
}

function take<T>(list: T[], index: number): void {
  for (let i = index + 1; i < list.length; i++) list[i - 1] = list[i]!;
  list.pop();
}
