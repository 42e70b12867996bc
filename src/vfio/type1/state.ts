/** What one container's type1 driver knows (struct vfio_iommu); the rules over it are in the other files here. */
import type { Domain } from '../../../sim/iommu/domain.ts';
import type { Iommu } from '../../../sim/iommu/iommu.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { FaultInjection } from '../../kernel/fault-injection.ts';
import type { VfioDevice } from '../device.ts';
import type { VfioGroup } from '../group.ts';
import { Mappings } from './mappings.ts';
import { IovaRanges } from './ranges.ts';

/** A page table, and the groups that share it (struct vfio_domain). */
export interface Type1Domain {
  readonly domain: Domain;
  readonly iommu: Iommu;
  readonly groups: Set<VfioGroup>;
}

/** Every page size from PAGE_SIZE up: what holds as long as no IOMMU says less. */
const ANY_PAGE_SIZE = 0xffff_ffff_ffff_f000n;

export class Type1State {
  /** VFIO_TYPE1v2_IOMMU: unmaps never cut a mapping, and dirty pages can be tracked. */
  readonly v2: boolean;
  readonly mappings: Mappings;
  readonly domains: Type1Domain[] = [];
  /** Groups without DMA of their own: they pin pages one by one. */
  readonly emulated = new Set<VfioGroup>();
  /** Groups that may write any page they can reach (num_non_pinned_groups): everything mapped counts as dirty. */
  readonly unscoped = new Set<VfioGroup>();
  /** Open devices that want to know of unmaps. */
  readonly devices = new Set<VfioDevice>();
  ranges = new IovaRanges();
  /** Page sizes that all domains have, one bit each. */
  pageSizes = ANY_PAGE_SIZE;
  /** The smallest of them: the unit of every IOVA, size and dirty bit. */
  pageSize = PAGE_SIZE;
  tracking = false;

  /** Fault injection of the kernel. */
  readonly faults: FaultInjection;

  constructor(v2: boolean, entryLimit: number, faults: FaultInjection) {
    this.v2 = v2;
    this.faults = faults;
    this.mappings = new Mappings(entryLimit);
  }

  /** An allocation fails that the caller has no other way than to answer ENOMEM for. */
  noMemory(): boolean {
    return this.faults.allocation.fails();
  }

  /** vfio_update_pgsize_bitmap: sizes below PAGE_SIZE are hidden, and then PAGE_SIZE can be had. */
  updatePageSizes(): void {
    let sizes = 0xffff_ffff_ffff_ffffn;
    for (const { iommu } of this.domains)
      sizes &= iommu.features.pageSizes.reduce((bits, size) => bits | BigInt(size), 0n);
    if ((sizes & ~ANY_PAGE_SIZE) !== 0n) sizes = (sizes & ANY_PAGE_SIZE) | BigInt(PAGE_SIZE);
    this.pageSizes = sizes;
    this.pageSize = Number(sizes & -sizes);
  }
}
