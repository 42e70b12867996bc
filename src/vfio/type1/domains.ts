/** Groups come and go (vfio_iommu_type1_attach_group, _detach_group): domains, and the IOVAs they leave usable. */
import { Domain } from '../../../sim/iommu/domain.ts';
import type { IommuGroup, ReservedRegion } from '../../kernel/iommu-group.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { VfioGroup } from '../group.ts';
import type { DirtyPages } from './dirty.ts';
import type { Pinning } from './pinning.ts';
import { IOVA_END, IovaRanges } from './ranges.ts';
import type { Type1Domain, Type1State } from './state.ts';

/** Module parameters that matter when a group joins. */
export interface DomainParameters {
  readonly allowUnsafeInterrupts: boolean;
}

export class Domains {
  private readonly state: Type1State;
  private readonly pinning: Pinning;
  private readonly dirty: DirtyPages;
  private readonly parameters: DomainParameters;

  constructor(state: Type1State, pinning: Pinning, dirty: DirtyPages, parameters: DomainParameters) {
    this.state = state;
    this.pinning = pinning;
    this.dirty = dirty;
    this.parameters = parameters;
  }

  /** 0, or a negated errno with nothing changed. */
  attach(group: VfioGroup): number {
    if (this.state.mappings.invalid > 0) return -ERRNO.EBUSY;
    if (this.attached(group)) return -ERRNO.EINVAL;
    // struct vfio_iommu_group
    if (this.state.noMemory()) return -ERRNO.ENOMEM;
    if (group.iommuGroup === undefined) {
      this.state.emulated.add(group);
      return 0;
    }
    return this.attachTranslated(group, group.iommuGroup);
  }

  detach(group: VfioGroup): void {
    if (this.state.emulated.delete(group)) {
      if (this.state.emulated.size === 0 && this.state.domains.length === 0) this.pinning.removeAll();
    } else this.detachTranslated(group);
    if (this.state.unscoped.delete(group) && this.state.tracking) this.dirty.markEverything();
  }

  /** An aperture that excludes IOVAs in use (vfio_iommu_aper_conflict) or leaves none at all. */
  apertureConflict(start: number, end: number): boolean {
    const { list } = this.state.ranges;
    const first = list[0];
    const last = list.at(-1);
    if (first === undefined || last === undefined) return false;
    if (start >= last.end || end <= first.start) return true;
    return this.inUse(first.start, start) || this.inUse(end, last.end);
  }

  /** Mappings where the group's devices must not be mapped (vfio_iommu_resv_conflict). */
  reservedConflict(regions: readonly ReservedRegion[]): boolean {
    return regions.some((region) => excludes(region) && this.inUse(region.start, region.end + 1));
  }

  /** Without interrupt remapping a device can forge any interrupt by DMA; the administrator may accept that. */
  interruptsAreSafe(iommuGroup: IommuGroup): boolean {
    return this.parameters.allowUnsafeInterrupts || iommuGroup.isolatedMsi;
  }

  /** A domain can serve groups of one IOMMU that snoop alike; others need a page table of their own. */
  compatible(iommuGroup: IommuGroup): Type1Domain | undefined {
    const coherent = iommuGroup.iommu.features.enforceCoherency ?? false;
    return this.state.domains.find((d) => d.iommu === iommuGroup.iommu && d.domain.coherent === coherent);
  }

  private attachTranslated(group: VfioGroup, iommuGroup: IommuGroup): number {
    // struct vfio_domain, and the IOMMU's own.
    if (this.state.noMemory() || this.state.noMemory()) return -ERRNO.ENOMEM;
    if (iommuGroup.devices.some((device) => device.resetting)) return -ERRNO.EBUSY;
    const [first, last] = iommuGroup.iommu.features.aperture;
    if (this.apertureConflict(first, last + 1)) return -ERRNO.EINVAL;
    if (this.reservedConflict(iommuGroup.reservedRegions)) return -ERRNO.EINVAL;
    // vfio_iommu_iova_get_copy, vfio_iommu_aper_resize, vfio_iommu_resv_exclude: nodes of the new list.
    if (this.state.noMemory() || this.state.noMemory()) return -ERRNO.ENOMEM;
    const ranges = usable(this.state.ranges.within(first, last + 1), iommuGroup);
    if (ranges.list.length === 0) return -ERRNO.EINVAL;
    if (!this.interruptsAreSafe(iommuGroup)) return -ERRNO.EPERM;
    const shared = this.compatible(iommuGroup);
    const target = shared ?? newDomain(iommuGroup);
    if (shared === undefined) {
      const error = this.pinning.replay(target);
      if (error !== 0) return error;
      this.state.domains.push(target);
      this.state.updatePageSizes();
    }
    target.groups.add(group);
    iommuGroup.attach(target.domain);
    this.state.ranges = ranges;
    this.state.unscoped.add(group);
    return 0;
  }

  private detachTranslated(group: VfioGroup): void {
    const { domains } = this.state;
    const index = domains.findIndex(({ groups }) => groups.has(group));
    const left = domains[index];
    if (left === undefined) return;
    group.iommuGroup!.detach();
    left.groups.delete(group);
    if (left.groups.size === 0) {
      if (domains.length === 1)
        if (this.state.emulated.size === 0) this.pinning.removeAll();
        else this.pinning.unmapAll();
      domains.splice(index, 1);
      this.state.updatePageSizes();
    }
    this.state.ranges = this.rangesOfRemaining();
  }

  /** vfio_iommu_aper_expand and vfio_iommu_resv_refresh: what the remaining groups allow, worked out afresh. */
  private rangesOfRemaining(): IovaRanges {
    let ranges = new IovaRanges([{ start: 0, end: IOVA_END }]);
    for (const { iommu, groups } of this.state.domains) {
      ranges = ranges.within(iommu.features.aperture[0], iommu.features.aperture[1] + 1);
      for (const group of groups) ranges = usable(ranges, group.iommuGroup!);
    }
    return ranges;
  }

  private attached(group: VfioGroup): boolean {
    return this.state.emulated.has(group) || this.state.domains.some(({ groups }) => groups.has(group));
  }

  private inUse(start: number, end: number): boolean {
    return start < end && this.state.mappings.find(start, end - start) !== undefined;
  }
}

function newDomain(iommuGroup: IommuGroup): Type1Domain {
  const domain = new Domain('paging', `type1 of group ${iommuGroup.id}`);
  domain.coherent = iommuGroup.iommu.features.enforceCoherency ?? false;
  return { domain, iommu: iommuGroup.iommu, groups: new Set() };
}

/** Direct-relaxable regions matter to the firmware only as long as the host drives the device. */
function excludes(region: ReservedRegion): boolean {
  return region.type !== 'direct-relaxable';
}

function usable(ranges: IovaRanges, iommuGroup: IommuGroup): IovaRanges {
  for (const region of iommuGroup.reservedRegions)
    if (excludes(region)) ranges = ranges.without(region.start, region.end + 1);
  return ranges;
}
