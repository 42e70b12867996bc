/** One mapping of an I/O page table (struct iopt_area): a range of IOVAs, and the bytes of some pages behind it. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Access } from './access.ts';
import type { Hold, Pages } from './pages.ts';
import type { Range } from './ranges.ts';

export class Area implements Range {
  start: bigint;
  last: bigint;
  readonly pages: Pages;
  /** Offset of the first byte from the first page of {@link pages}. */
  readonly offset: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Held for page tables; present as long as the I/O page table has a domain. */
  hold: Hold | undefined;
  /** What kernel users have pinned, with whom to ask for it back. */
  readonly accesses: { readonly access: Access; readonly hold: Hold }[] = [];
  /** Its unmapping has begun: kernel users get nothing of it any more. */
  preventAccess = false;
  /** Hardware queues that live in this memory: it cannot go. */
  locks = 0;

  constructor(place: Range, pages: Pages, offset: number, prot: { readonly read: boolean; readonly write: boolean }) {
    this.start = place.start;
    this.last = place.last;
    this.pages = pages;
    this.offset = offset;
    this.read = prot.read;
    this.write = prot.write;
  }

  get length(): bigint {
    return this.last - this.start + 1n;
  }

  /** Offset of the first byte within its page. */
  get pageOffset(): number {
    return this.offset % PAGE_SIZE;
  }

  get firstPage(): number {
    return Math.floor(this.offset / PAGE_SIZE);
  }

  get lastPage(): number {
    return Math.floor((this.offset + Number(this.length) - 1) / PAGE_SIZE);
  }

  /** The page behind an IOVA of the area. */
  pageAt(iova: bigint): number {
    return Math.floor((this.offset + Number(iova - this.start)) / PAGE_SIZE);
  }
}
