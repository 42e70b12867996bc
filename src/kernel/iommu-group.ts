/** IOMMU groups and DMA ownership (drivers/iommu/iommu.c of Linux 7.3): who may program the group's translation. */
import { Domain } from '../../sim/iommu/domain.ts';
import { type Iommu, MSI_WINDOW } from '../../sim/iommu/iommu.ts';
import { ERRNO } from '../uapi/errno.ts';
import { PageFaults } from './page-faults.ts';
import type { PciDevice } from './pci/device.ts';
import { enableTranslationServices } from './pci/translation-services.ts';

/** A range of IOVAs a device must not or need not map (struct iommu_resv_region). `end` is inclusive. */
export interface ReservedRegion {
  readonly start: number;
  readonly end: number;
  readonly type: 'direct' | 'direct-relaxable' | 'reserved' | 'msi' | 'sw-msi';
}

/** The devices that the IOMMU cannot tell apart, and who owns their DMA. */
export class IommuGroup {
  readonly id: number;
  readonly devices: PciDevice[] = [];
  /** Names of the ports in the group. They stay with their driver, which does no DMA. */
  readonly ports: string[] = [];
  readonly iommu: Iommu;
  /** Page requests of its devices. */
  readonly pageFaults: PageFaults;
  /** What host drivers' DMA goes through: their own buffers only. */
  readonly defaultDomain: Domain;
  /** iommu_group_claim_dma_owner: a container, or an iommufd context. */
  owner: object | undefined;
  /** Claims by the owner, or DMA-API drivers bound in the group. */
  ownerCount = 0;
  private current: Domain;

  constructor(id: number, iommu: Iommu) {
    this.id = id;
    this.iommu = iommu;
    this.pageFaults = new PageFaults(iommu.pageRequests);
    this.defaultDomain = new Domain('paging', `group ${id} default`);
    this.current = this.defaultDomain;
  }

  get domain(): Domain {
    return this.current;
  }

  add(device: PciDevice): void {
    this.devices.push(device);
    device.group = this;
    this.iommu.attach(device.function.aliasId, this.current);
    enableTranslationServices(device, this.iommu.features);
  }

  remove(device: PciDevice): void {
    this.devices.splice(this.devices.indexOf(device), 1);
    device.group = undefined;
    if (!this.devices.some((other) => other.function.aliasId === device.function.aliasId))
      this.iommu.detach(device.function.aliasId);
  }

  /** iommu_device_use_default_domain: a DMA-API driver binds. EBUSY while a user owns the group's DMA. */
  useDefaultDomain(): number {
    if (this.owner !== undefined) return -ERRNO.EBUSY;
    this.ownerCount++;
    return 0;
  }

  unuseDefaultDomain(): void {
    this.ownerCount--;
  }

  /** iommu_group_claim_dma_owner: EPERM if anybody uses the group. DMA is blocked from here on. */
  claim(owner: object): number {
    if (this.ownerCount > 0) return -ERRNO.EPERM;
    if (this.reservedRegions.some((region) => region.type === 'direct')) return -ERRNO.EINVAL;
    this.owner = owner;
    this.ownerCount = 1;
    this.attach(this.iommu.blocked);
    return 0;
  }

  /** iommu_device_claim_dma_owner: claims add up for the same owner (iommufd). */
  claimDevice(owner: object): number {
    if (this.ownerCount > 0) {
      if (this.owner !== owner) return -ERRNO.EPERM;
      this.ownerCount++;
      return 0;
    }
    return this.claim(owner);
  }

  /** Drops one claim; the last restores the default domain. */
  release(): void {
    if (--this.ownerCount > 0) return;
    this.owner = undefined;
    this.attach(this.defaultDomain);
  }

  /** Points every requester of the group at `domain`. */
  attach(domain: Domain): void {
    this.current = domain;
    for (const device of this.devices) this.iommu.attach(device.function.aliasId, domain);
  }

  /** Back to blocked, as after detaching a user's domain (owner stays). */
  detach(): void {
    this.attach(this.iommu.blocked);
  }

  /** iommu_get_group_resv_regions: on x86 the MSI window, for every device. */
  get reservedRegions(): readonly ReservedRegion[] {
    if (this.iommu.features.software) return [];
    return [{ start: MSI_WINDOW.start, end: MSI_WINDOW.start + MSI_WINDOW.length - 1, type: 'msi' }];
  }

  /** iommu_group_has_isolated_msi: a device cannot forge another's interrupts. */
  get isolatedMsi(): boolean {
    return this.iommu.features.interruptRemapping ?? true;
  }
}
