/** From areas to the page tables of the IOMMU (pages.c: iopt_area_fill_domain, iopt_area_unfill_domain). */

import type { Domain } from '../../sim/iommu/domain.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import type { PinnedRun } from '../kernel/address-space.ts';
import type { FaultInjection } from '../kernel/fault-injection.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Area } from './area.ts';
import type { Hold } from './pages.ts';
import { PfnBatch } from './pfn-batch.ts';

/** A page table that shows the mappings of one IOAS. */
export interface PageTable {
  readonly domain: Domain;
  readonly features: IommuDescription;
}

/** Maps an area's held pages; ENOMEM, with some of them mapped, or EINVAL for one that may be neither read nor written, which no IOMMU can express. */
export function fill(table: PageTable, area: Area, hold: Hold, faults: FaultInjection): number {
  if (!area.read && !area.write) return -ERRNO.EINVAL;
  return new AreaFiller(table.domain, area, faults).fill(hold.runs);
}

/** Puts the pages of one area into one page table, batch by batch. */
export class AreaFiller {
  private readonly domain: Domain;
  private readonly area: Area;
  private next: number;
  private left: number;
  /** Bytes of the first page that are before the area. */
  private skip: number;
  private readonly faults: FaultInjection;

  constructor(domain: Domain, area: Area, faults: FaultInjection) {
    this.faults = faults;
    this.domain = domain;
    this.area = area;
    this.next = Number(area.start);
    this.left = Number(area.length);
    this.skip = area.pageOffset;
  }

  fill(runs: readonly PinnedRun[]): number {
    const batch = new PfnBatch();
    for (const run of runs) {
      if (batch.add(run)) continue;
      const error = this.empty(batch);
      if (error !== 0) return error;
      batch.carry(run);
    }
    return this.empty(batch);
  }

  /** batch_to_domain: maps what is in the batch behind what was mapped before. */
  empty({ runs }: PfnBatch): number {
    const { read, write } = this.area;
    for (const run of runs) {
      const length = Math.min(run.length - this.skip, this.left);
      if (length <= 0) return 0;
      if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const place = { start: this.next, length, physical: run.physical + this.skip };
      this.domain.map(this.isDevice(run) ? { ...place, read, write, mmio: true } : { ...place, read, write });
      this.next += length;
      this.left -= length;
      this.skip = 0;
    }
    return 0;
  }

  /** Pages of a dma-buf are a device's, in whatever page table they are shown (iopt_pages_fill: BATCH_MMIO). */
  isDevice({ charged }: PinnedRun): boolean {
    return !charged;
  }
}

export function unfill(table: PageTable, area: Area): void {
  table.domain.unmap(Number(area.start), Number(area.length));
}
