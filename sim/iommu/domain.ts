import { type Interval, Intervals } from '../intervals.ts';
import { PAGE_SIZE, type PhysicalMemory } from '../memory.ts';
import { type Stage1, walk } from './stage1.ts';

/** A mapping of I/O virtual to physical addresses, in bytes. */
export interface IovaMapping extends Interval {
  readonly physical: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Dirty bits, one byte a page, while the domain tracks; set by writes. */
  dirty?: Uint8Array;
}

/**
 * What one or more requesters see: nothing (`blocked`), physical addresses (`identity`), a page table (`paging`), or one of the
 * user's on top of such a one (`nested`).
 * Mappings are kept as intervals; a page-size table is what real hardware makes of them.
 */
export class Domain {
  readonly kind: 'blocked' | 'identity' | 'paging' | 'nested';
  readonly name: string;
  readonly mappings = new Intervals<IovaMapping>();
  /** No-snoop requests are blocked or made coherent. */
  coherent = false;
  /** Nothing walks it: a record of where memory lies, for devices without an IOMMU. */
  software = false;
  private tracking = false;
  private nesting: { readonly second: Domain; readonly stage1: Stage1 } | undefined;

  constructor(kind: 'blocked' | 'identity' | 'paging' | 'nested', name: string) {
    this.kind = kind;
    this.name = name;
  }

  /** Makes this a first stage over `second`. */
  nest(second: Domain, stage1: Stage1): void {
    this.nesting = { second, stage1 };
  }

  /** Both stages for one request: a mapping of the rest of the page it starts in; undefined: a fault. */
  translateNested(memory: PhysicalMemory, iova: number, write: boolean): IovaMapping | undefined {
    if (this.nesting === undefined) return undefined;
    const { second, stage1 } = this.nesting;
    const address = walk(stage1, second, memory, iova, write);
    const mapping = address === undefined ? undefined : second.translate(address, write);
    if (address === undefined || mapping === undefined) return undefined;
    const page = address - mapping.start;
    if (write && mapping.dirty !== undefined) mapping.dirty[Math.floor(page / PAGE_SIZE)] = 1;
    const start = iova - (iova % PAGE_SIZE);
    const physical = mapping.physical + page - (iova % PAGE_SIZE);
    return { start, length: PAGE_SIZE, physical, read: mapping.read, write: mapping.write };
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

  /** Makes `position` the start of a mapping: one that holds it becomes two. A table of single pages has no need to. */
  split(position: number): void {
    const mapping = this.mappings.at(position);
    if (mapping === undefined || mapping.start === position) return;
    const { start, length, physical, read, write, dirty } = mapping;
    const lower = position - start;
    const page = Math.ceil(lower / PAGE_SIZE);
    this.mappings.remove(mapping);
    this.mappings.insert({
      start,
      length: lower,
      physical,
      read,
      write,
      ...(dirty && { dirty: dirty.slice(0, page) }),
    });
    const upper = { start: position, length: length - lower, physical: physical + lower, read, write };
    this.mappings.insert({ ...upper, ...(dirty && { dirty: dirty.slice(page) }) });
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

  /** Shows `visit` the dirty pages of [start, start + length), and forgets them if `clear`. */
  visitDirty(start: number, length: number, clear: boolean, visit: (start: number, length: number) => void): void {
    for (const mapping of this.mappings.within(start, length)) {
      const { dirty } = mapping;
      if (dirty === undefined) continue;
      const from = Math.max(0, Math.floor((start - mapping.start) / PAGE_SIZE));
      const to = Math.min(dirty.length, Math.ceil((start + length - mapping.start) / PAGE_SIZE));
      for (let page = dirty.indexOf(1, from); page >= 0 && page < to; page = dirty.indexOf(1, page + 1)) {
        visit(mapping.start + page * PAGE_SIZE, PAGE_SIZE);
        if (clear) dirty[page] = 0;
      }
    }
  }
}
