/** From areas to the page tables of the IOMMU (pages.c: iopt_area_fill_domain, iopt_area_unfill_domain). */

import type { Domain } from '../../sim/iommu/domain.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import type { FaultInjection } from '../kernel/fault-injection.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Area } from './area.ts';
import type { Hold } from './pages.ts';

/** A page table that shows the mappings of one IOAS. */
export interface PageTable {
  readonly domain: Domain;
  readonly features: IommuDescription;
}

/** Maps an area's held pages; ENOMEM, with some of them mapped, or EINVAL for one that may be neither read nor written, which no IOMMU can express. */
export function fill(table: PageTable, area: Area, hold: Hold, faults: FaultInjection): number {
  if (!area.read && !area.write) return -ERRNO.EINVAL;
  let start = Number(area.start);
  let left = Number(area.length);
  let skip = area.pageOffset;
  for (const { physical, length } of hold.runs) {
    const count = Math.min(length - skip, left);
    if (count <= 0) break;
    if (faults.allocation.fails()) return -ERRNO.ENOMEM;
    table.domain.map({ start, length: count, physical: physical + skip, read: area.read, write: area.write });
    start += count;
    left -= count;
    skip = 0;
  }
  return 0;
}

export function unfill(table: PageTable, area: Area): void {
  table.domain.unmap(Number(area.start), Number(area.length));
}
