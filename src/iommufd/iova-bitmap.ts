/** The user's bitmap of dirty pages, written through the user's memory (drivers/iommu/iommufd/iova_bitmap.c). */

import { PAGE_SIZE } from '../../sim/memory.ts';
import type { AddressSpace } from '../kernel/address-space.ts';
import { zeroedBytes } from '../kernel/bytes.ts';
import type { IovaBitmap } from '../vfio/migration/ops.ts';

/**
 * Bit n of the bitmap at `address` stands for the page at `iova + n * pageSize`. Bits are only set. What lies outside
 * [iova, iova + length) is ignored, and so is memory that cannot be pinned for writing: marking has no error to return.
 * The work of a call follows the pages it marks, not the size of the range.
 */
export class UserIovaBitmap implements IovaBitmap {
  private readonly memory: AddressSpace;
  private readonly address: number;
  private readonly iova: bigint;
  private readonly last: bigint;
  private readonly shift: bigint;
  /** The page of user memory the last mark went to: pinned once for a run of marks. */
  private pinned = -1;

  /** `pageSize` in bytes; its lowest set bit counts, as in the kernel's __ffs. With `length` 0 nothing is marked. */
  constructor(memory: AddressSpace, address: number, iova: bigint, length: bigint, pageSize: bigint) {
    this.memory = memory;
    this.address = address;
    this.iova = iova;
    this.last = iova + length - 1n;
    this.shift = trailingZeros(pageSize);
  }

  set(iova: bigint, length: bigint): void {
    if (length <= 0n || iova < this.iova || iova > this.last) return;
    const end = iova + length - 1n;
    let bit = this.bitOf(iova);
    const lastBit = this.bitOf(end < this.last ? end : this.last);
    while (bit <= lastBit) {
      const at = this.address + Math.floor(bit / 8);
      const room = (PAGE_SIZE - (at % PAGE_SIZE)) * 8 - (bit % 8);
      const count = Math.min(room, lastBit - bit + 1);
      // The first page that cannot be pinned ends the call: iova_bitmap_set returns there.
      if (!this.mark(at, bit % 8, count)) return;
      bit += count;
    }
  }

  /** iova_bitmap_offset_to_index: which bit stands for an IOVA of the range. */
  bitOf(iova: bigint): number {
    return Number((iova - this.iova) >> this.shift);
  }

  /** Sets `count` bits from bit `offset` of the byte at `at`, within one page of user memory. */
  private mark(at: number, offset: number, count: number): boolean {
    const page = at - (at % PAGE_SIZE);
    if (page !== this.pinned && !this.pin(page)) return false;
    const bytes = zeroedBytes(Math.ceil((offset + count) / 8));
    if (!this.memory.readInto(at, bytes)) return false;
    for (let byte = 0; byte < bytes.length; byte++) {
      const from = Math.max(offset - byte * 8, 0);
      const to = Math.min(offset + count - byte * 8, 8);
      bytes[byte]! |= (0xff << from) & (0xff >> (8 - to));
    }
    return this.memory.write(at, bytes);
  }

  /** pin_user_pages_fast with FOLL_WRITE: ordinary memory only, never a device's. */
  private pin(page: number): boolean {
    const runs = this.memory.pin(page, PAGE_SIZE, true);
    if (runs === undefined || runs.some((run) => !run.charged)) return false;
    this.pinned = page;
    return true;
  }
}

function trailingZeros(value: bigint): bigint {
  let shift = 0n;
  while (((value >> shift) & 1n) === 0n) shift++;
  return shift;
}
