/** A memory key: a range of virtual addresses over a list of the PF driver's pages. */
import type { DmaPort } from '../../pci/model.ts';
import type { PageList } from './page-list.ts';

export interface Access {
  readonly localRead: boolean;
  readonly localWrite: boolean;
}

export class Mkey {
  /** Index in 31:8, the variant chosen by the driver in 7:0: what commands and work requests carry. */
  readonly key: number;
  readonly pd: number;
  readonly start: number;
  readonly length: number;
  readonly access: Access;
  /** Commands that use it now. */
  users = 0;
  private readonly pages: PageList;

  constructor(key: number, pd: number, range: { start: number; length: number }, access: Access, pages: PageList) {
    this.key = key;
    this.pd = pd;
    this.start = range.start;
    this.length = range.length;
    this.access = access;
    this.pages = pages;
  }

  /** Does [va, va + length) lie inside? */
  covers(va: number, length: number): boolean {
    return va >= this.start && va + length <= this.start + this.length;
  }

  /** Moves bytes at a virtual address that {@link covers} allows; pages in a row go as one request. */
  transfer(dma: DmaPort, va: number, bytes: Uint8Array, write: boolean): boolean {
    for (let done = 0, at = va - this.start; done < bytes.length; ) {
      const count = Math.min(this.pages.inRow(at), bytes.length - done);
      const piece = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      const address = this.pages.address(at)!;
      if (!(write ? dma.write(address, piece) : dma.read(address, piece))) return false;
      done += count;
      at += count;
    }
    return true;
  }
}
