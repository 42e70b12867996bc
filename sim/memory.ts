import { Intervals } from './intervals.ts';
import { Oops } from './oops.ts';

/** Up to this many bytes are copied one by one where a copy in one go would first need a view made. */
const LOOP_UP_TO = 64;
/** And fewer than this where it would not. */
const LOOP_BELOW = 24;
const NO_PAGES: readonly (Uint8Array | undefined)[] = [];

/** Bytes of a page; the smallest unit of ownership and of IOMMU mapping. */
export const PAGE_SIZE = 4096;
/** Offset within a page: the low bits of any integer, however large, and much cheaper than a remainder. */
export const PAGE_MASK = PAGE_SIZE - 1;

/** A physically contiguous allocation; `start` and `length` in bytes. The owner is whose bytes these are. */
export interface Extent {
  readonly start: number;
  readonly length: number;
  readonly owner: string;
  /** What it is for, in a word; for people and for counting. */
  readonly purpose: string;
  /** What bytes that were never written read as. */
  readonly fill: number;
  /** Pages that have been written, by their number within the extent. */
  readonly pages: (Uint8Array | undefined)[];
  /** Those of them that stay as they are: who writes gets a copy. See {@link PhysicalMemory.keep}. */
  kept: readonly (Uint8Array | undefined)[] | undefined;
  /** Users besides the owner: DMA mappings. */
  pins: number;
  /** The owner has let go; the last pin gives the memory back. */
  orphaned: boolean;
  /** The memory has been given back: nothing is there any more. */
  freed: boolean;
}

/** Pages that can be used again: building a machine then costs no allocation. A pool belongs to whoever builds machines. */
export class PagePool {
  private readonly pages: Uint8Array[] = [];
  /** A page whose bytes are all `fill`. */
  take(fill: number): Uint8Array {
    const page = this.pages.pop();
    if (page !== undefined) return page.fill(fill);
    const fresh = new Uint8Array(PAGE_SIZE);
    return fill === 0 ? fresh : fresh.fill(fill);
  }
  /** A page to be overwritten as a whole. */
  any(): Uint8Array {
    return this.pages.pop() ?? new Uint8Array(PAGE_SIZE);
  }
  give(page: Uint8Array): void {
    if (this.pages.length < 1024) this.pages.push(page);
  }
}

/**
 * Sparse physical memory. Every page belongs to exactly one extent and so has one owner, which is what the confinement
 * checks compare with; pages come into being when first written, and read as the fill byte until then.
 */
export class PhysicalMemory {
  /** The first address handed out: above the legacy area and the 32-bit MMIO window, as on a PC. */
  static readonly BASE = 0x1_0000_0000;
  readonly extents = new Intervals<Extent>();
  private next = PhysicalMemory.BASE;
  private readonly fill: number;
  readonly pool: PagePool;

  /** `fill` is what never-written kernel memory reads as; two runs with different fills show residual-data leaks. */
  constructor(fill = 0, pool = new PagePool()) {
    this.fill = fill;
    this.pool = pool;
  }

  /**
   * The pages in use now stay as they are, for somebody who will put them back: a write goes to a copy, and only copies
   * go to the pool. Returns them.
   */
  keep(): Uint8Array[] {
    const kept: Uint8Array[] = [];
    for (const extent of this.extents.items) {
      extent.kept = Object.freeze(extent.pages.slice());
      for (const page of extent.pages) if (page !== undefined) kept.push(page);
    }
    return kept;
  }

  /** The pages that {@link keep} found are back, and the others in the pool; which extents there are is for others to say. */
  rewind(): void {
    for (const extent of this.extents.items) {
      const { pages, kept = NO_PAGES } = extent;
      for (let i = 0; i < pages.length; i++) {
        if (pages[i] === kept[i]) continue;
        this.pool.give(pages[i]!);
        pages[i] = kept[i];
      }
      while (pages.length > kept.length) pages.pop();
    }
  }

  /** The machine is no longer used: its pages go back to the pool. */
  dispose(): void {
    for (const extent of this.extents.items) this.recycle(extent);
    this.extents.clear();
  }

  /**
   * Allocates whole pages for `owner`; `align` in bytes. Pages given to users are zeroed, the kernel's own hold whatever
   * was there (the fill). Neighbours are one page apart, so an overrun is unowned.
   */
  allocate(owner: string, length: number, align = PAGE_SIZE, zeroed = true, purpose = ''): Extent {
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const start = Math.ceil(this.next / align) * align;
    const extent: Extent = {
      start,
      length: size,
      owner,
      purpose,
      fill: zeroed ? 0 : this.fill,
      pages: [],
      kept: undefined,
      pins: 0,
      orphaned: false,
      freed: false,
    };
    this.extents.insert(extent);
    this.next = start + size + PAGE_SIZE;
    return extent;
  }

  /** The owner lets go. What somebody pinned stays until it is unpinned. */
  free(extent: Extent): void {
    if (extent.pins > 0) extent.orphaned = true;
    else this.remove(extent);
  }

  /** Keeps the memory at `address` alive, whoever owns it. What is no memory needs no pin. */
  pin(address: number): void {
    const extent = this.extents.at(address);
    if (extent !== undefined) extent.pins++;
  }

  /** Undoes one pin. */
  unpin(address: number): void {
    const extent = this.extents.at(address);
    if (extent === undefined) return;
    extent.pins--;
    if (extent.pins === 0 && extent.orphaned) this.remove(extent);
  }

  private remove(extent: Extent): void {
    if (!this.extents.remove(extent)) throw new Oops('physical memory freed twice');
    extent.freed = true;
    this.recycle(extent);
  }

  /** Who owns the page at `address`; undefined: nobody. */
  owner(address: number): string | undefined {
    return this.extents.at(address)?.owner;
  }

  /** Copies bytes out; false if any byte is not backed by an extent. */
  read(address: number, into: Uint8Array): boolean {
    const extent = this.extents.at(address);
    return extent !== undefined && this.load(extent, address - extent.start, into);
  }

  /** Copies bytes in; false (and nothing written) if any byte is not backed by an extent. */
  write(address: number, bytes: Uint8Array): boolean {
    const extent = this.extents.at(address);
    return extent !== undefined && this.store(extent, address - extent.start, bytes);
  }

  /** As {@link read}, for who holds the extent: nothing has to be searched. `start` in bytes within it. */
  load(extent: Extent, start: number, into: Uint8Array): boolean {
    const { length } = into;
    if (extent.freed || start + length > extent.length) return false;
    for (let done = 0; done < length; ) {
      const at = start + done;
      const offset = at & PAGE_MASK;
      const count = Math.min(PAGE_SIZE - offset, length - done);
      const page = extent.pages[(at - offset) / PAGE_SIZE];
      if (page === undefined) into.fill(extent.fill, done, done + count);
      else if (count === PAGE_SIZE) into.set(page, done);
      else if (count > LOOP_UP_TO) into.set(page.subarray(offset, offset + count), done);
      else for (let i = 0; i < count; i++) into[done + i] = page[offset + i]!;
      done += count;
    }
    return true;
  }

  /** As {@link write}, for who holds the extent. */
  store(extent: Extent, start: number, bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (extent.freed || start + length > extent.length) return false;
    for (let done = 0; done < length; ) {
      const at = start + done;
      const offset = at & PAGE_MASK;
      const count = Math.min(PAGE_SIZE - offset, length - done);
      const page = this.page(extent, (at - offset) / PAGE_SIZE, count === PAGE_SIZE);
      if (count < LOOP_BELOW || (count < length && count <= LOOP_UP_TO))
        for (let i = 0; i < count; i++) page[offset + i] = bytes[done + i]!;
      else page.set(count === length ? bytes : bytes.subarray(done, done + count), offset);
      done += count;
    }
    return true;
  }

  /** The page that a write goes to. `whole`: all of it will be overwritten. */
  private page(extent: Extent, number: number, whole: boolean): Uint8Array {
    const { pages, kept } = extent;
    const old = pages[number];
    if (old !== undefined && (kept === undefined || old !== kept[number])) return old;
    const page = whole || old !== undefined ? this.pool.any() : this.pool.take(extent.fill);
    if (!whole && old !== undefined) page.set(old);
    pages[number] = page;
    return page;
  }

  private recycle(extent: Extent): void {
    const { pages, kept } = extent;
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i];
      if (page !== undefined && page !== kept?.[i]) this.pool.give(page);
    }
    while (pages.length > 0) pages.pop();
  }
}
