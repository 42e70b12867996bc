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
/** Room for this many bounds to begin with. A power of two, as the above. */
const FIRST = 4;
const NO_BOUNDS = new Float64Array(0);

/**
 * Neighbouring intervals. The bounds stand in an array of their own, start and end of each in turn: a search then touches
 * numbers only, and always numbers of one kind, whatever items and addresses the sets of a machine hold.
 */
class Piece<T extends Interval> {
  readonly items: T[];
  bounds: Float64Array;

  constructor(items: T[] = []) {
    this.items = items;
    this.bounds = items.length === 0 ? NO_BOUNDS : new Float64Array(2 * PIECE);
    for (let index = 0; index < items.length; index++) this.bind(index, items[index]!);
  }

  /** The first that ends after `position`; as many as there are if none does. */
  firstFrom(position: number): number {
    const { bounds } = this;
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[2 * middle + 1]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  place(index: number, item: T): void {
    place(this.items, index, item);
    const { length } = this.items;
    if (2 * length > this.bounds.length) {
      const grown = new Float64Array(Math.max(2 * FIRST, 2 * this.bounds.length));
      grown.set(this.bounds);
      this.bounds = grown;
    }
    const { bounds } = this;
    for (let at = 2 * length - 1; at > 2 * index + 1; at--) bounds[at] = bounds[at - 2]!;
    this.bind(index, item);
  }

  take(index: number): void {
    take(this.items, index);
    const { bounds } = this;
    const end = 2 * this.items.length;
    for (let at = 2 * index; at < end; at++) bounds[at] = bounds[at + 2]!;
  }

  /** Keeps those below `index`, and gives the others away. */
  cut(index: number): Piece<T> {
    return new Piece(this.items.splice(index));
  }

  private bind(index: number, { start, length }: T): void {
    this.bounds[2 * index] = start;
    this.bounds[2 * index + 1] = start + length;
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
    const { bounds, items } = recent;
    if (last < items.length && position < bounds[2 * last + 1]! && bounds[2 * last]! <= position) return items[last];
    const piece = this.pieces[this.pieceFrom(position)]!;
    const index = piece.firstFrom(position);
    if (index >= piece.items.length || piece.bounds[2 * index]! > position) return undefined;
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
    if (index < piece.items.length && piece.bounds[2 * index]! < start + length) return false;
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
      const { items, bounds } = this.pieces[number]!;
      for (; index < items.length; index++) {
        if (bounds[2 * index]! >= end) return found;
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
      const { items, bounds } = pieces[middle]!;
      if (bounds[2 * items.length - 1]! <= position) low = middle + 1;
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
