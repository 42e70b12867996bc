/**
 * The virtual machine monitor's side of dirty logging: which ranges it has logged, and which pages of the guest's memory
 * it knows to be dirty. It logs each mapping as a range of its own, because one range over the holes between them is more
 * than a device can track; and it asks once more before it stops, because what was not asked for is forgotten then.
 */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { LogRange } from '../client/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { ShadowMapping, Tenant } from './tenant.ts';

/** A range that is logged, and the memory it stood for when logging began. */
export interface GuestRange extends LogRange {
  readonly vaddr: number;
}

/** Bytes of a range whose bitmap there is room for. */
const LONGEST = 2 ** 28;
/** Ranges that one call takes here. */
const MOST_RANGES = 8;

export class GuestLog {
  ranges: readonly GuestRange[] = [];
  running = false;
  /** Addresses of pages that are known to be dirty. */
  readonly dirty = new Set<number>();

  /** What there is to log. */
  rangesOf(mappings: readonly ShadowMapping[]): readonly GuestRange[] {
    return mappings.slice(0, MOST_RANGES).map(({ start, length, vaddr }) => ({ iova: start, length, vaddr }));
  }

  /** Which page of memory an IOVA of a range stands for. */
  memoryAt({ iova, vaddr }: GuestRange, at: number): number {
    return vaddr + (at - iova);
  }

  start(tenant: Tenant): number {
    this.ranges = this.rangesOf(tenant.shadow.items);
    const result = tenant.device!.startLoggingRanges(this.ranges, PAGE_SIZE);
    this.running = result >= 0;
    return result;
  }

  /** Asks for every range, and notes what it is told. */
  collect(tenant: Tenant): number {
    for (const range of this.ranges) {
      if (range.length > LONGEST) return -ERRNO.EINVAL;
      const bitmap = tenant.device!.reportLogging(range.iova, range.length);
      if (typeof bitmap === 'number') return bitmap;
      for (let page = 0; page < range.length / PAGE_SIZE; page++)
        if (bitmap[page >> 3]! & (1 << (page & 7))) this.dirty.add(this.memoryAt(range, range.iova + page * PAGE_SIZE));
    }
    return 0;
  }

  /** The mappings have changed: other ranges from now on. */
  rearm(tenant: Tenant): number {
    const told = this.collect(tenant);
    if (told < 0) return told;
    const stopped = tenant.device!.stopLogging();
    this.running = false;
    return stopped < 0 ? stopped : this.start(tenant);
  }
}
