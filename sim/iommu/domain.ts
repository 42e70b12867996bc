import { type Interval, Intervals } from '../intervals.ts';
import { PAGE_SIZE, type PhysicalMemory } from '../memory.ts';
import { DirtyLeaves } from './dirty-leaves.ts';
import { type Stage1, walk } from './stage1.ts';

/** A mapping of I/O virtual to physical addresses, in bytes. */
export interface IovaMapping extends Interval {
  readonly physical: number;
  readonly read: boolean;
  readonly write: boolean;
  /** What is behind is a device, and no memory (IOMMU_MMIO): there is nothing to cache. */
  readonly mmio?: boolean;
  /** Dirty bits, while the domain tracks; set by writes. */
  dirty?: DirtyLeaves;
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
  /** Sizes of the pages it is made of; large ones have a dirty bit each. */
  leafSizes: readonly number[] = [PAGE_SIZE];
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

  /** Both stages for one request: a mapping of the page it starts in; undefined: a fault. */
  translateNested(memory: PhysicalMemory, iova: number, write: boolean): IovaMapping | undefined {
    if (this.nesting === undefined) return undefined;
    const { second, stage1 } = this.nesting;
    const address = walk(stage1, second, memory, iova, write);
    const mapping = address === undefined ? undefined : second.translate(address, write);
    if (address === undefined || mapping === undefined) return undefined;
    const offset = address - mapping.start;
    if (write) mapping.dirty?.mark(offset, 1);
    const within = iova % PAGE_SIZE;
    const { read, write: writable, physical } = mapping;
    return { start: iova - within, length: PAGE_SIZE, physical: physical + offset - within, read, write: writable };
  }

  /** Adds a mapping; false if it touches another. */
  map(mapping: IovaMapping): boolean {
    if (this.tracking) mapping.dirty = new DirtyLeaves(mapping, this.leafSizes);
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
    const { start, length, physical, read, write, mmio, dirty } = mapping;
    const device = mmio === undefined ? {} : { mmio };
    const lower = position - start;
    this.mappings.remove(mapping);
    const parts = [
      { start, length: lower, physical, read, write, ...device },
      { start: position, length: length - lower, physical: physical + lower, read, write, ...device },
    ];
    for (const part of parts) {
      const bits = dirty && new DirtyLeaves(part, this.leafSizes).inherit(dirty, part.start - start);
      this.mappings.insert(bits === undefined ? part : { ...part, dirty: bits });
    }
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
      if (on) mapping.dirty = new DirtyLeaves(mapping, this.leafSizes);
      else delete mapping.dirty;
  }

  /** Shows `visit` the dirty pages of [start, start + length), and forgets them if `clear`. */
  visitDirty(start: number, length: number, clear: boolean, visit: (start: number, length: number) => void): void {
    for (const mapping of this.mappings.within(start, length)) {
      const from = Math.max(0, start - mapping.start);
      const to = Math.min(mapping.length, start + length - mapping.start);
      mapping.dirty?.visit(from, to, clear, (offset, bytes) => visit(mapping.start + offset, bytes));
    }
  }
}
