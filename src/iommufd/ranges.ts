/** Sets of IOVA ranges (the interval trees of io_pagetable.c). Positions are 64-bit; `last` is inclusive. */

export interface Range {
  readonly start: bigint;
  readonly last: bigint;
}

/** Disjoint ranges in order, with binary search. */
export class Ranges<T extends Range> {
  private readonly list: T[] = [];

  get all(): readonly T[] {
    return this.list;
  }

  /** The lowest range that touches [start, last]. */
  first(start: bigint, last: bigint): T | undefined {
    const found = this.list[this.indexFrom(start)];
    return found !== undefined && found.start <= last ? found : undefined;
  }

  /** Those that touch [start, last], in order; what is yet to come may change meanwhile. */
  *within(start: bigint, last: bigint): Generator<T> {
    for (let index = this.indexFrom(start); index < this.list.length && this.list[index]!.start <= last; index++)
      yield this.list[index]!;
  }

  /** The caller has checked that the place is free. */
  insert(range: T): void {
    this.list.splice(this.indexFrom(range.start), 0, range);
  }

  remove(range: T): void {
    const index = this.indexFrom(range.start);
    if (this.list[index] === range) this.list.splice(index, 1);
  }

  /** Index of the lowest range that ends at or after `position`. */
  private indexFrom(position: bigint): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.last < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What of [start, last] none of `used` covers; `used` is in order of start, and may overlap. */
export function* holes(used: Iterable<Range>, start: bigint, last: bigint): Generator<Range> {
  let next = start;
  for (const range of used) {
    if (range.start > last) break;
    if (range.start > next) yield { start: next, last: range.start - 1n };
    if (range.last >= next) next = range.last + 1n;
  }
  if (next <= last) yield { start: next, last };
}
