import { type Interval, Intervals } from '../intervals.ts';
import { PAGE_SIZE } from '../memory.ts';

/** A mapping of I/O virtual to physical addresses, in bytes. */
export interface IovaMapping extends Interval {
  readonly physical: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Dirty bits, one byte a page, while the domain tracks; set by writes. */
  dirty?: Uint8Array;
}

/**
 * What one or more requesters see: nothing (`blocked`), physical addresses (`identity`), or a page table (`paging`).
 * Mappings are kept as intervals; a page-size table is what real hardware makes of them.
 */
export class Domain {
  readonly kind: 'blocked' | 'identity' | 'paging';
  readonly name: string;
  readonly mappings = new Intervals<IovaMapping>();
  /** No-snoop requests are blocked or made coherent. */
  coherent = false;
  private tracking = false;

  constructor(kind: 'blocked' | 'identity' | 'paging', name: string) {
    this.kind = kind;
    this.name = name;
  }

  /** Adds a mapping; false if it touches another. */
  map(mapping: IovaMapping): boolean {
    if (this.tracking) mapping.dirty = new Uint8Array(Math.ceil(mapping.length / PAGE_SIZE));
    return this.mappings.insert(mapping);
  }

  /** Removes every mapping inside [start, start + length). Whole mappings only, as the type1 path needs it. */
  unmap(start: number, length: number): void {
    for (const mapping of this.mappings.within(start, length)) this.mappings.remove(mapping);
  }

  /** The mapping that lets a request at `iova` through; undefined: a fault. */
  translate(iova: number, write: boolean): IovaMapping | undefined {
    const mapping = this.mappings.at(iova);
    if (mapping === undefined) return undefined;
    return (write ? mapping.write : mapping.read) ? mapping : undefined;
  }

  /** Starts or stops dirty tracking; starting clears all bits. */
  setTracking(on: boolean): void {
    this.tracking = on;
    for (const mapping of this.mappings.items)
      if (on) mapping.dirty = new Uint8Array(Math.ceil(mapping.length / PAGE_SIZE));
      else delete mapping.dirty;
  }
}
