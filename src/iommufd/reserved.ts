/**
 * IOVAs that no mapping may touch, each with the device or page table that wants it so, and those that the user allows
 * for automatic placement (io_pagetable.c: reserved_itree, allowed_itree).
 */
import { FaultInjection } from '../kernel/fault-injection.ts';
import type { ReservedRegion } from '../kernel/iommu-group.ts';
import { ERRNO } from '../uapi/errno.ts';
import { holes, type Range, type Ranges } from './ranges.ts';
import { U64_MAX } from './u64.ts';

interface Owned extends Range {
  readonly owner: object;
}

export class Reserved {
  /** IOAS_ALLOW_IOVAS, in order; empty: everything. */
  allowed: readonly Range[] = [];
  private list: Owned[] = [];
  private readonly areas: Ranges<Range>;
  private readonly faults: FaultInjection;

  constructor(areas: Ranges<Range>, faults: FaultInjection = new FaultInjection()) {
    this.areas = areas;
    this.faults = faults;
  }

  /** In order of start. */
  get all(): readonly Range[] {
    return this.list;
  }

  /** IOVA_RANGES: what is left. */
  get usable(): Range[] {
    return [...holes(this.list, 0n, U64_MAX)];
  }

  touches(start: bigint, last: bigint): boolean {
    return this.list.some((range) => range.start <= last && range.last >= start);
  }

  /** iopt_reserve_iova: EADDRINUSE if it is mapped, or allowed to be. */
  add(start: bigint, last: bigint, owner: object): number {
    if (this.areas.first(start, last) !== undefined) return -ERRNO.EADDRINUSE;
    if (this.allowed.some((range) => range.start <= last && range.last >= start)) return -ERRNO.EADDRINUSE;
    if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    this.list.push({ start, last, owner });
    this.list.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    return 0;
  }

  /** What lies outside the IOVAs a page table can translate. */
  addAperture([first, last]: readonly [number, number], owner: object): number {
    // The highest IOVA is a number that a double may round up to the next power of two.
    const end = last >= 2 ** 64 - 1 ? U64_MAX : BigInt(last);
    if (first !== 0) {
      const error = this.add(0n, BigInt(first) - 1n, owner);
      if (error !== 0) return error;
    }
    return end === U64_MAX ? 0 : this.add(end + 1n, U64_MAX, owner);
  }

  /**
   * iopt_table_enforce_dev_resv_regions: the regions of a device, but for those that only matter to firmware. EADDRINUSE,
   * or EINVAL for a device with two ways to place its interrupt messages.
   */
  addRegions(regions: readonly ReservedRegion[], owner: object): number {
    let messages = 0;
    let chosen = 0;
    for (const { start, end, type } of regions) {
      if (type === 'direct-relaxable') continue;
      if (type === 'msi') messages++;
      if (type === 'sw-msi') chosen++;
      const error = this.add(BigInt(start), BigInt(end), owner);
      if (error !== 0) return this.undo(owner, error);
    }
    return (messages > 0 && chosen > 0) || chosen > 1 ? this.undo(owner, -ERRNO.EINVAL) : 0;
  }

  removeOwner(owner: object): void {
    this.list = this.list.filter((range) => range.owner !== owner);
  }

  private undo(owner: object, error: number): number {
    this.removeOwner(owner);
    return error;
  }
}
