/** A process's memory: disjoint mappings, each with a backing. Access copies; it never hands out the bytes behind. */
import { zeroedBytes } from '../../sim/bytes.ts';
import { type Interval, Intervals } from '../../sim/intervals.ts';
import { type Extent, PAGE_SIZE, type PhysicalMemory } from '../../sim/memory.ts';
import type { Backing } from './file.ts';
import { MemFile } from './memfd.ts';

/** One mapping (VMA). */
export interface Mapping extends Interval {
  readonly backing: Backing;
  /** Offset of the mapping's first byte within the backing. */
  readonly offset: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Anonymous and file memory is pinned and charged; device memory (VM_PFNMAP) is mapped for DMA, but not charged. */
  readonly device: boolean;
}

/** TASK_SIZE_MAX of x86-64 with 4-level paging: user addresses end below it. */
export const TASK_SIZE = 0x7fff_ffff_f000;
/** Copies up to this length are simply tried. */
const UNCHECKED = 0x10000;
/** mmap_lock of any process, as a class of locks: a page fault takes it. */
export const MMAP_LOCK = 'mmap_lock';
/** Where mmap starts placing mappings, upwards; 2 MiB aligned so that big buffers can be mapped by large IOMMU pages. */
const MMAP_BASE = 0x1000_0000_0000;

/** Memory of the machine as anonymous pages of one owner. */
class Anonymous implements Backing {
  private readonly memory: PhysicalMemory;
  readonly extent: Extent;
  constructor(memory: PhysicalMemory, extent: Extent) {
    this.memory = memory;
    this.extent = extent;
  }
  load(offset: number, into: Uint8Array): boolean {
    return this.memory.load(this.extent, offset, into);
  }
  store(offset: number, bytes: Uint8Array): boolean {
    return this.memory.store(this.extent, offset, bytes);
  }
  physical(offset: number): number | undefined {
    return this.extent.start + offset;
  }
  closed(): void {
    this.memory.free(this.extent);
  }
}

/** What a range of user memory is made of, for pinning. */
export interface PinnedRun {
  readonly physical: number;
  readonly length: number;
  /** Whether the pages count against RLIMIT_MEMLOCK. */
  readonly charged: boolean;
}

/** One process’s memory (struct mm_struct). Reads and writes fail where nothing is mapped; they never throw. */
export class AddressSpace {
  /** mm->locked_vm: pages charged against RLIMIT_MEMLOCK. */
  lockedPages = 0;
  /** mm->pinned_vm: pages that iommufd holds, charged or not. */
  pinnedPages = 0;
  /** The most bytes that the kernel wanted to copy in one piece: so much of its own memory it had to take for it. */
  largestCopy = 0;
  private readonly mappings = new Intervals<Mapping>();
  private readonly memory: PhysicalMemory;
  private readonly owner: string;
  private next = MMAP_BASE;
  constructor(memory: PhysicalMemory, owner: string) {
    this.memory = memory;
    this.owner = owner;
  }

  /** Maps `length` bytes of zeroed anonymous memory; returns its address, 2 MiB aligned. */
  allocate(length: number, protection: { read: boolean; write: boolean } = { read: true, write: true }): number {
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const extent = this.memory.allocate(this.owner, size, size >= 0x200000 ? 0x200000 : PAGE_SIZE);
    return this.map(new Anonymous(this.memory, extent), 0, size, {
      read: protection.read,
      write: protection.write,
      device: false,
    });
  }

  /** Maps a backing at a fresh address and returns the address. */
  map(
    backing: Backing,
    offset: number,
    length: number,
    how: { read: boolean; write: boolean; device: boolean },
  ): number {
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const start = this.next;
    this.next = Math.ceil((start + size + PAGE_SIZE) / 0x200000) * 0x200000;
    const { read, write, device } = how;
    this.mappings.insert({ start, length: size, backing, offset, read, write, device });
    backing.opened?.();
    return start;
  }

  /** Maps anonymous memory as neighbouring mappings of so many bytes each, as a program that calls mmap in a row gets it. */
  allocateRow(lengths: readonly number[]): number {
    const start = this.next;
    for (const length of lengths) {
      const at = this.next;
      this.insertAnonymous(at, length);
      this.next = at + length;
    }
    this.next = Math.ceil((this.next + PAGE_SIZE) / 0x200000) * 0x200000;
    return start;
  }

  /** mmap with MAP_FIXED over the whole mapping at `start`: fresh anonymous memory at the same address. */
  replace(start: number): boolean {
    const mapping = this.mappings.at(start);
    if (mapping === undefined || !this.unmap(start)) return false;
    this.insertAnonymous(start, mapping.length);
    return true;
  }

  private insertAnonymous(start: number, length: number): void {
    const backing = new Anonymous(this.memory, this.memory.allocate(this.owner, length));
    this.mappings.insert({ start, length, backing, offset: 0, read: true, write: true, device: false });
  }

  /** A memory file of `length` bytes, which this process is the first to use. */
  file(length: number): MemFile {
    return new MemFile(this.memory, this.owner, length);
  }

  /** Removes the mapping that starts at `start`; false if there is none. */
  unmap(start: number): boolean {
    const mapping = this.mappings.at(start);
    if (mapping === undefined || mapping.start !== start) return false;
    this.mappings.remove(mapping);
    mapping.backing.closed?.();
    return true;
  }

  /** The empty address space that exec puts in the place of this one. */
  successor(): AddressSpace {
    return new AddressSpace(this.memory, this.owner);
  }

  /** All mappings, lowest first. */
  get all(): readonly Mapping[] {
    return this.mappings.items;
  }

  /** copy_from_user: the bytes at `address`, or undefined if any of them cannot be read. */
  read(address: number, length: number): Uint8Array | undefined {
    if (length > UNCHECKED && !this.covers(address, length)) return undefined;
    const into = new Uint8Array(length);
    return this.readInto(address, into) ? into : undefined;
  }

  /** As {@link read}, for short-lived copies: the bytes are `room`, or a piece of a slab (see sim/bytes.ts). */
  copyIn(address: number, length: number, room?: Uint8Array): Uint8Array | undefined {
    if (length > this.largestCopy) this.largestCopy = length;
    if (length > UNCHECKED && !this.covers(address, length)) return undefined;
    const into = room ?? zeroedBytes(length);
    return this.readInto(address, into) ? into : undefined;
  }

  /** Is there a mapping for every byte? Asked before a long copy takes memory for bytes that do not exist. */
  private covers(address: number, length: number): boolean {
    let next = address;
    for (const mapping of this.mappings.within(address, length)) {
      if (mapping.start > next) return false;
      next = mapping.start + mapping.length;
    }
    return next >= address + length;
  }

  /** As {@link read}, into a buffer of the caller. */
  readInto(address: number, into: Uint8Array): boolean {
    const length = into.length;
    let done = 0;
    while (done < length) {
      const mapping = this.mappings.at(address + done);
      if (mapping === undefined || !mapping.read) return false;
      const at = address + done - mapping.start;
      const count = Math.min(mapping.length - at, length - done);
      const part = done === 0 && count === length ? into : into.subarray(done, done + count);
      if (!mapping.backing.load(mapping.offset + at, part)) return false;
      done += count;
    }
    return true;
  }

  /** copy_to_user: false if any byte cannot be written; bytes before the fault have been written, as in Linux. */
  write(address: number, bytes: Uint8Array): boolean {
    let done = 0;
    while (done < bytes.length) {
      const mapping = this.mappings.at(address + done);
      if (mapping === undefined || !mapping.write) return false;
      const at = address + done - mapping.start;
      const count = Math.min(mapping.length - at, bytes.length - done);
      const part = done === 0 && count === bytes.length ? bytes : bytes.subarray(done, done + count);
      if (!mapping.backing.store(mapping.offset + at, part)) return false;
      done += count;
    }
    return true;
  }

  /** Keeps what a run of {@link pin} is made of: it outlives the mapping, as pinned pages do. */
  keep({ physical }: PinnedRun): void {
    this.memory.pin(physical);
  }

  /** unpin_user_pages: undoes one {@link keep}, told by the physical address of the run. */
  release(physical: number): void {
    this.memory.unpin(physical);
  }

  /**
   * Pins [address, address + length) for DMA (pin_user_pages_remote, follow_pfnmap): physically contiguous runs in
   * order, or undefined where the kernel answers EFAULT (unmapped, not writable for `write`, device memory disabled).
   */
  pin(address: number, length: number, write: boolean): PinnedRun[] | undefined {
    const runs: PinnedRun[] = [];
    let done = 0;
    while (done < length) {
      const mapping = this.mappings.at(address + done);
      if (mapping === undefined || !mapping.read || (write && !mapping.write)) return undefined;
      const at = address + done - mapping.start;
      const count = Math.min(mapping.length - at, length - done);
      const physical = mapping.backing.physical(mapping.offset + at);
      if (physical === undefined) return undefined;
      runs.push({ physical, length: count, charged: !mapping.device });
      done += count;
    }
    return runs;
  }
}
