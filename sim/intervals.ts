/**
 * Disjoint half-open intervals [start, start + length) of the number line, sorted by start. An interval never has zero
 * length and never overlaps another: insert refuses. Positions are byte addresses below 2^53.
 */
export interface Interval {
  readonly start: number;
  readonly length: number;
}

/** A sorted set of disjoint intervals with binary search: look-up O(log n), insert and remove O(n) moves. */
export class Intervals<T extends Interval> {
  readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The interval that holds `position`, if any. */
  at(position: number): T | undefined {
    const items = this.items;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (items[middle]!.start <= position) low = middle + 1;
      else high = middle;
    }
    const found = items[low - 1];
    return found !== undefined && position - found.start < found.length ? found : undefined;
  }

  /** The first interval that ends after `position`: where a walk over [position, ...) begins. */
  firstFrom(position: number): number {
    const items = this.items;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (items[middle]!.start + items[middle]!.length <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Does any interval touch [start, start + length)? */
  overlaps(start: number, length: number): boolean {
    const next = this.items[this.firstFrom(start)];
    return next !== undefined && next.start < start + length;
  }

  /** Adds `item`; false (and no change) if it is empty or touches another. */
  insert(item: T): boolean {
    if (item.length <= 0 || this.overlaps(item.start, item.length)) return false;
    this.items.splice(this.firstFrom(item.start), 0, item);
    return true;
  }

  /** Removes exactly `item`; false if it is not in the set. */
  remove(item: T): boolean {
    const index = this.firstFrom(item.start);
    if (this.items[index] !== item) return false;
    this.items.splice(index, 1);
    return true;
  }

  /** The intervals that touch [start, start + length), in order. */
  within(start: number, length: number): T[] {
    const from = this.firstFrom(start);
    let to = from;
    while (to < this.items.length && this.items[to]!.start < start + length) to++;
    return this.items.slice(from, to);
  }

  clear(): void {
    this.items.length = 0;
  }
}
