import { Intervals } from './intervals.ts';

/** Bytes of a page; the smallest unit of ownership and of IOMMU mapping. */
export const PAGE_SIZE = 4096;

/** A physically contiguous allocation; `start` and `length` in bytes. The owner is whose bytes these are. */
export interface Extent {
  readonly start: number;
  readonly length: number;
  readonly owner: string;
  /** What bytes that were never written read as. */
  readonly fill: number;
}

/**
 * Sparse physical memory. Every page belongs to exactly one extent and so has one owner, which is what the confinement
 * checks compare with; pages come into being when first written, and read as the fill byte until then.
 */
export class PhysicalMemory {
  /** The first address handed out: above the legacy area and the 32-bit MMIO window, as on a PC. */
  static readonly BASE = 0x1_0000_0000;
  readonly extents = new Intervals<Extent>();
  private readonly pages = new Map<number, Uint8Array>();
  private next = PhysicalMemory.BASE;
  private readonly fill: number;

  /** `fill` is what never-written kernel memory reads as; two runs with different fills show residual-data leaks. */
  constructor(fill = 0) {
    this.fill = fill;
  }

  /**
   * Allocates whole pages for `owner`; `align` in bytes. Pages given to users are zeroed, the kernel's own hold whatever
   * was there (the fill). Neighbours are one page apart, so an overrun is unowned.
   */
  allocate(owner: string, length: number, align = PAGE_SIZE, zeroed = true): Extent {
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const start = Math.ceil(this.next / align) * align;
    const extent: Extent = { start, length: size, owner, fill: zeroed ? 0 : this.fill };
    this.extents.items.push(extent); // addresses only grow, so the order holds
    this.next = start + size + PAGE_SIZE;
    return extent;
  }

  free(extent: Extent): void {
    if (!this.extents.remove(extent)) throw new Error('physical memory freed twice');
    if (this.pages.size === 0) return;
    for (let page = extent.start / PAGE_SIZE; page < (extent.start + extent.length) / PAGE_SIZE; page++)
      this.pages.delete(page);
  }

  /** Who owns the page at `address`; undefined: nobody. */
  owner(address: number): string | undefined {
    return this.extents.at(address)?.owner;
  }

  /** Copies bytes out; false if any byte is not backed by an extent. */
  read(address: number, into: Uint8Array): boolean {
    const extent = this.backing(address, into.length);
    if (extent === undefined) return false;
    let done = 0;
    while (done < into.length) {
      const at = address + done;
      const offset = at % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, into.length - done);
      const page = this.pages.get((at - offset) / PAGE_SIZE);
      if (page === undefined) into.fill(extent.fill, done, done + count);
      else if (count === PAGE_SIZE) into.set(page, done);
      else if (count >= 64) into.set(page.subarray(offset, offset + count), done);
      else for (let i = 0; i < count; i++) into[done + i] = page[offset + i]!;
      done += count;
    }
    return true;
  }

  /** Copies bytes in; false (and nothing written) if any byte is not backed by an extent. */
  write(address: number, bytes: Uint8Array): boolean {
    const extent = this.backing(address, bytes.length);
    if (extent === undefined) return false;
    let done = 0;
    while (done < bytes.length) {
      const at = address + done;
      const offset = at % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, bytes.length - done);
      const page = this.page((at - offset) / PAGE_SIZE, extent.fill);
      if (count < 64) for (let i = 0; i < count; i++) page[offset + i] = bytes[done + i]!;
      else page.set(done === 0 && count === bytes.length ? bytes : bytes.subarray(done, done + count), offset);
      done += count;
    }
    return true;
  }

  private backing(address: number, length: number): Extent | undefined {
    const extent = this.extents.at(address);
    return extent !== undefined && address + length <= extent.start + extent.length ? extent : undefined;
  }

  private page(number: number, fill: number): Uint8Array {
    let page = this.pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE_SIZE);
      if (fill !== 0) page.fill(fill);
      this.pages.set(number, page);
    }
    return page;
  }
}
