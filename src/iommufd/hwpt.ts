/** Hardware page tables (hw_pagetable.c): one that shows an IOAS, and one of the user's making on top of such a one. */
import type { Domain } from '../../sim/iommu/domain.ts';
import type { Iommu } from '../../sim/iommu/iommu.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import type { FaultQueue } from './fault-queue.ts';
import type { Ioas } from './ioas.ts';
import type { IommufdObject } from './object.ts';
import type { PageTable } from './page-table.ts';
import type { Viommu } from './viommu.ts';

/** What an HWPT is asked for. */
export interface HwptOptions {
  readonly nestParent: boolean;
  readonly dirtyTracking: boolean;
  /** It may be attached to PASIDs, and beside such attachments. */
  readonly pasid: boolean;
  readonly fault: FaultQueue | undefined;
}

/** HWPT_PAGING. */
export class Hwpt implements IommufdObject, PageTable {
  readonly kind = 'hwpt-paging';
  id = 0;
  users = 1;
  readonly ioas: Ioas;
  readonly iommu: Iommu;
  readonly domain: Domain;
  readonly options: HwptOptions;
  /** Made by attaching to an IOAS: it goes with its last device. */
  readonly automatic: boolean;

  /** The caller adds {@link destroy}'s counterpart: the table of the IOAS. */
  constructor(ioas: Ioas, iommu: Iommu, domain: Domain, options: HwptOptions, automatic: boolean) {
    this.ioas = ioas;
    this.iommu = iommu;
    this.domain = domain;
    this.options = options;
    this.automatic = automatic;
    ioas.users++;
    ioas.hwpts.push(this);
    if (options.fault !== undefined) options.fault.users++;
  }

  get features(): IommuDescription {
    return this.iommu.features;
  }

  /** Whose reserved regions and mappings apply. */
  get paging(): Hwpt {
    return this;
  }

  get pasidCompatible(): boolean {
    return this.options.pasid;
  }

  get fault(): FaultQueue | undefined {
    return this.options.fault;
  }

  destroy(): void {
    this.ioas.table.removeTable(this);
    this.ioas.hwpts.splice(this.ioas.hwpts.indexOf(this), 1);
    this.ioas.users--;
    if (this.fault !== undefined) this.fault.users--;
  }
}

/** HWPT_NESTED: the first stage is in the user's memory, the second is an HWPT_PAGING. */
export class NestedHwpt implements IommufdObject {
  readonly kind = 'hwpt-nested';
  id = 0;
  users = 1;
  readonly paging: Hwpt;
  readonly domain: Domain;
  readonly fault: FaultQueue | undefined;
  readonly pasidCompatible: boolean;
  readonly automatic = false;
  /** What it holds: the parent, or the vIOMMU it was made from. */
  private readonly base: Hwpt | Viommu;

  constructor(paging: Hwpt, base: Hwpt | Viommu, domain: Domain, pasid: boolean, fault: FaultQueue | undefined) {
    this.paging = paging;
    this.base = base;
    this.domain = domain;
    this.pasidCompatible = pasid;
    this.fault = fault;
    base.users++;
    if (fault !== undefined) fault.users++;
  }

  get iommu(): Iommu {
    return this.paging.iommu;
  }

  destroy(): void {
    this.base.users--;
    if (this.fault !== undefined) this.fault.users--;
  }
}

/** Either kind. */
export type AnyHwpt = Hwpt | NestedHwpt;
