/**
 * Disjoint half-open intervals [start, start + length) of the number line, sorted by start. An interval never has zero
 * length and never overlaps another: insert refuses. Positions are byte addresses below 2^53.
 */
export interface Interval {
  readonly start: number;
  readonly length: number;
}

/** As many intervals as one piece holds: moving that many numbers costs about as much as the search before. */
const PIECE = 256;

/**
 * Neighbouring intervals. The bounds stand in arrays of their own: a search then touches numbers only, whatever kinds of
 * items the sets of a machine hold.
 */
class Piece<T extends Interval> {
  readonly items: T[];
  readonly starts: number[];
  readonly ends: number[];

  constructor(items: T[] = []) {
    this.items = items;
    this.starts = items.map(({ start }) => start);
    this.ends = items.map(({ start, length }) => start + length);
  }

  /** The first that ends after `position`; as many as there are if none does. */
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

  place(index: number, item: T): void {
    place(this.items, index, item);
    place(this.starts, index, item.start);
    place(this.ends, index, item.start + item.length);
  }

  take(index: number): void {
    take(this.items, index);
    take(this.starts, index);
    take(this.ends, index);
  }

  /** Keeps those below `index`, and gives the others away. */
  cut(index: number): Piece<T> {
    const upper = new Piece(this.items.splice(index));
    this.starts.length = this.ends.length = index;
    return upper;
  }
}

/**
 * A sorted set of disjoint intervals with binary search. It is kept in pieces, each but the only one never empty, so
 * that a container of a hundred thousand mappings is filled and emptied in any order: look-up, insert and remove are
 * O(log n) and some moves within a piece.
 */
export class Intervals<T extends Interval> {
  private readonly pieces: Piece<T>[] = [new Piece<T>()];
  private count = 0;
  /** Where the last look-up ended: the next is often for the same place. A piece that is no longer in use is empty. */
  private recent: Piece<T> = this.pieces[0]!;
  private last = 0;

  /** In order. A large set makes the list anew: take it once for a walk. */
  get items(): readonly T[] {
    return this.pieces.length === 1 ? this.pieces[0]!.items : this.pieces.flatMap(({ items }) => items);
  }

  get size(): number {
    return this.count;
  }

  /** The interval that holds `position`, if any. */
  at(position: number): T | undefined {
    const { recent, last } = this;
    const { ends, starts } = recent;
    if (last < ends.length && position < ends[last]! && starts[last]! <= position) return recent.items[last];
    const piece = this.pieces[this.pieceFrom(position)]!;
    const index = piece.firstFrom(position);
    if (index >= piece.ends.length || piece.starts[index]! > position) return undefined;
    this.recent = piece;
    this.last = index;
    return piece.items[index];
  }

  /** The lowest interval that ends after `position`, if any. */
  from(position: number): T | undefined {
    const piece = this.pieces[this.pieceFrom(position)]!;
    return piece.items[piece.firstFrom(position)];
  }

  /** Does any interval touch [start, start + length)? */
  overlaps(start: number, length: number): boolean {
    const next = this.from(start);
    return next !== undefined && next.start < start + length;
  }

  /** Adds `item`; false (and no change) if it is empty or touches another. */
  insert(item: T): boolean {
    const { start, length } = item;
    if (length <= 0) return false;
    const number = this.pieceFrom(start);
    const piece = this.pieces[number]!;
    const index = piece.firstFrom(start);
    if (index < piece.starts.length && piece.starts[index]! < start + length) return false;
    this.count++;
    if (piece.items.length < PIECE) piece.place(index, item);
    else this.insertFull(number, index, item);
    return true;
  }

  /** Removes exactly `item`; false if it is not in the set. */
  remove(item: T): boolean {
    const number = this.pieceFrom(item.start);
    const piece = this.pieces[number]!;
    const index = piece.firstFrom(item.start);
    if (piece.items[index] !== item) return false;
    this.count--;
    piece.take(index);
    if (piece.items.length === 0 && this.pieces.length > 1) take(this.pieces, number);
    return true;
  }

  /** The intervals that touch [start, start + length), in order. */
  within(start: number, length: number): T[] {
    const end = start + length;
    const found: T[] = [];
    let number = this.pieceFrom(start);
    let index = this.pieces[number]!.firstFrom(start);
    for (; number < this.pieces.length; number++, index = 0) {
      const { items, starts } = this.pieces[number]!;
      for (; index < items.length; index++) {
        if (starts[index]! >= end) return found;
        found.push(items[index]!);
      }
    }
    return found;
  }

  clear(): void {
    this.recent = new Piece<T>();
    this.pieces.length = 0;
    this.pieces.push(this.recent);
    this.count = 0;
  }

  /** The first piece with an interval that ends after `position`; the last piece if none has. */
  private pieceFrom(position: number): number {
    const { pieces } = this;
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { ends } = pieces[middle]!;
      if (ends[ends.length - 1]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A full piece becomes two. Behind the last one of all a new piece starts: sets are mostly filled from below. */
  private insertFull(number: number, index: number, item: T): void {
    const piece = this.pieces[number]!;
    const appended = index === PIECE && number === this.pieces.length - 1;
    const upper = piece.cut(appended ? PIECE : PIECE / 2);
    place(this.pieces, number + 1, upper);
    if (index > piece.items.length || appended) upper.place(index - piece.items.length, item);
    else piece.place(index, item);
  }
}

/** Moves one up what follows; the lists are short, and splice makes an array each time. */
function place<T>(list: T[], index: number, item: T): void {
  list.push(item);
  for (let i = list.length - 1; i > index; i--) list[i] = list[i - 1]!;
  list[index] = item;
}

function take<T>(list: T[], index: number): void {
  for (let i = index + 1; i < list.length; i++) list[i - 1] = list[i]!;
  list.pop();
}
