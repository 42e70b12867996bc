/** Dirty-tracking soundness: every page the device wrote while logging was on is reported. */
import { PAGE_MASK, PAGE_SIZE } from '../../../sim/memory.ts';
import type { LogRange } from '../../client/device.ts';
import { errnoName } from '../../uapi/errno.ts';
import type { Type1Bench } from '../bench/type1-bench.ts';
import type { ReferenceHwpt } from '../reference/iommufd-objects.ts';
import type { Type1Entry } from '../reference/type1-entry.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const DIRTY_TRACKING_SOUNDNESS: Property = {
  name: 'dirty-tracking soundness',
  promise: 'Every page the device wrote while logging was on is reported.',
  observes:
    'Writes of the device at the fabric, the bitmaps that the tenant is given, wherever they lie and however late the device reports, and whether reports and starts are refused that must not be, or taken.',
  allows: ['a page that is reported and was not written', 'pages outside the range that is asked for'],
  needs: ['tracking'],
};

export class DirtyTrackingSoundness implements Check {
  readonly property = DIRTY_TRACKING_SOUNDNESS;
  private readonly world: World;
  private readonly dirty = new Map<Tenant, Set<number>>();
  private readonly ranges = new Map<Tenant, readonly LogRange[]>();
  /** Addresses of pages of guests that were written since their monitors asked last. */
  private readonly guest = new Map<Tenant, Set<number>>();

  constructor(world: World) {
    this.world = world;
  }

  /** From now on every page the tenant's device writes is remembered. */
  begin(tenant: Tenant, ranges: readonly LogRange[]): void {
    this.ranges.set(tenant, ranges);
    this.dirty.set(tenant, new Set());
  }

  /** A virtual machine monitor logs from now on. */
  beginGuest(tenant: Tenant): void {
    this.guest.set(tenant, new Set());
  }

  /** It has asked for everything: what was written meanwhile is known to it. */
  guestKnows(tenant: Tenant): void {
    const written = this.guest.get(tenant);
    if (written === undefined) return;
    for (const page of written)
      if (!tenant.guestLog.dirty.has(page))
        return this.say(`page ${(page - tenant.buffer).toString(16)} of the guest was written and is not known`);
    written.clear();
  }

  /** The device wrote. */
  wrote(tenant: Tenant, iova: number, length: number): void {
    if (tenant.guestLog.running) this.wroteGuest(tenant, iova, length);
    const pages = this.dirty.get(tenant);
    if (pages === undefined) return;
    const ranges = this.ranges.get(tenant)!;
    for (let page = iova - (iova & PAGE_MASK); page < iova + length; page += PAGE_SIZE)
      if (ranges.some((range) => page >= range.iova && page < range.iova + range.length)) pages.add(page);
  }

  /**
   * A bitmap of type1 was handed out, whose first bit is the page at `base`: what is `due` of each mapping is told; and
   * where only emulated devices write, nothing else is.
   */
  bitmapTells(
    side: Type1Bench,
    entries: readonly Type1Entry[],
    due: ReadonlyMap<Type1Entry, ReadonlySet<number>>,
    base: bigint,
    size: bigint,
  ): void {
    if (entries.length === 0) return;
    const bit = side.bits(Number(size / 4096n));
    const { unscoped, shifted } = side.reference;
    for (const entry of entries) {
      const first = Number((entry.start - base) / 4096n);
      const pages = Number(entry.size / 4096n);
      const told = due.get(entry)!;
      for (let page = 0; page < pages; page++) {
        const at = (entry.start + BigInt(page) * 4096n).toString(16);
        if (told.has(page) && !bit(first + page)) return this.say(`page ${at} was written and is not reported`);
        if (!told.has(page) && !unscoped && !shifted && bit(first + page))
          return this.say(`page ${at} is reported and nobody wrote it`);
      }
    }
  }

  /**
   * A bitmap of a page table was handed out, a bit for `pageSize` bytes from `iova` on; undefined: into memory that is
   * not there. Only an area that is mapped from the start of the range without a gap is looked at.
   */
  hwptTells(
    hwpt: ReferenceHwpt,
    bitmap: Uint8Array | undefined,
    iova: bigint,
    length: bigint,
    pageSize: bigint,
    clear: boolean,
  ): void {
    let end = iova;
    for (const area of hwpt.ioas.areas) if (area.start <= end && area.last >= end) end = area.last + 1n;
    const stop = end < iova + length ? end : iova + length;
    // The lowest bit of an odd page size is what counts (iova_bitmap.c: __ffs).
    const unit = pageSize & -pageSize;
    for (const page of [...hwpt.dirty]) {
      if (page < iova || page >= stop) continue;
      const bit = Number((page - iova) / unit);
      if (bitmap !== undefined && bit < bitmap.length * 8 && (bitmap[bit >> 3]! & (1 << (bit & 7))) === 0)
        return this.say(`page ${page.toString(16)} was written and is not reported`);
      if (clear) hwpt.dirty.delete(page);
    }
  }

  /** The tenant asked which pages were written, and is not told: the call crashed, or was refused. */
  notTold(why: string): void {
    this.say(`what was written is not told: ${why}`);
  }

  /** Logging was on, and began again as if it were not. */
  startedTwice(): void {
    this.say('logging is started while it is on: what was asked for first is forgotten');
  }

  /** Nothing is logged any more. */
  ended(tenant: Tenant): void {
    this.dirty.delete(tenant);
  }

  /** Logging is on, and a range of it is asked for. */
  refused(result: number): void {
    const { world } = this;
    if (!world.sound || world.hasFailed || world.outOfService) return;
    this.notTold(`the call is refused with ${errnoName(result)}`);
  }

  /** Each of the ranges can be tracked, and together they cannot. */
  notStarted(result: number): void {
    this.say(`logging does not start: ${errnoName(result)}`);
  }

  private say(message: string): void {
    this.world.violate(DIRTY_TRACKING_SOUNDNESS.name, message);
  }

  private wroteGuest(tenant: Tenant, iova: number, length: number): void {
    const written = this.guest.get(tenant);
    for (let at = iova - (iova & PAGE_MASK); at < iova + length; at += PAGE_SIZE) {
      const mapping = tenant.shadow.at(at);
      const vaddr = mapping && mapping.vaddr + at - mapping.start;
      // Another mapping may be there by now: the monitor would have to log anew.
      const range = tenant.guestLog.ranges.find((r) => at >= r.iova && at < r.iova + r.length);
      if (vaddr !== undefined && range !== undefined && range.vaddr + at - range.iova === vaddr) written?.add(vaddr);
    }
  }

  /** A bitmap for [iova, iova + length) was handed out, a bit a page; what it tells is told. */
  reported(tenant: Tenant, iova: number, length: number, bitmap: Uint8Array, pageSize = PAGE_SIZE): void {
    const pages = this.dirty.get(tenant);
    if (pages === undefined) return;
    for (const page of [...pages]) {
      const bit = (page - iova) / PAGE_SIZE;
      if (bit < 0 || bit >= length / PAGE_SIZE) continue;
      pages.delete(page);
      const told = Math.floor((page - iova) / pageSize);
      if (!(bitmap[told >> 3]! & (1 << (told & 7))))
        this.world.violate(DIRTY_TRACKING_SOUNDNESS.name, `page ${page.toString(16)} was written and is not reported`);
    }
  }
}
