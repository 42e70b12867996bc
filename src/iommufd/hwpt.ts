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
  /** Where page requests of what is attached go. */
  fault: FaultQueue | undefined;

  /** The caller adds {@link destroy}'s counterpart: the table of the IOAS. */
  constructor(ioas: Ioas, iommu: Iommu, domain: Domain, options: HwptOptions, automatic: boolean) {
    this.ioas = ioas;
    this.iommu = iommu;
    this.domain = domain;
    this.options = options;
    this.automatic = automatic;
    ioas.users++;
    ioas.hwpts.push(this);
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

  /** Any device behind the IOMMU can be attached. */
  get refused(): number {
    return 0;
  }

  destroy(): void {
    this.ioas.table.removeTable(this);
    this.ioas.hwpts.splice(this.ioas.hwpts.indexOf(this), 1);
    this.ioas.users--;
    dropFaults(this);
  }
}

/** The first stage as the driver made it from the user's words. */
export interface FirstStage {
  readonly domain: Domain;
  /** What attaching answers: some of what the user said is looked at only then. */
  readonly refused: number;
}

/** HWPT_NESTED: the first stage is in the user's memory, the second is an HWPT_PAGING. */
export class NestedHwpt implements IommufdObject {
  readonly kind = 'hwpt-nested';
  id = 0;
  users = 1;
  readonly paging: Hwpt;
  readonly domain: Domain;
  fault: FaultQueue | undefined;
  readonly pasidCompatible: boolean;
  readonly automatic = false;
  /** Why no device can be attached, as a negated errno; 0: they can. */
  readonly refused: number;
  /** What it holds: the parent, or the vIOMMU it was made from. */
  readonly base: Hwpt | Viommu;

  constructor(base: Hwpt | Viommu, { domain, refused }: FirstStage, pasid: boolean) {
    this.paging = base.kind === 'viommu' ? base.parent : base;
    this.base = base;
    this.domain = domain;
    this.refused = refused;
    this.pasidCompatible = pasid;
    base.users++;
  }

  get iommu(): Iommu {
    return this.paging.iommu;
  }

  destroy(): void {
    this.base.users--;
    dropFaults(this);
  }
}

/** Either kind. */
export type AnyHwpt = Hwpt | NestedHwpt;

/** Page requests of what is attached to `hwpt` go to `queue`, which it holds from now on. */
export function reportFaults(hwpt: AnyHwpt, queue: FaultQueue): void {
  hwpt.fault = queue;
  queue.users++;
}

function dropFaults(hwpt: AnyHwpt): void {
  if (hwpt.fault !== undefined) hwpt.fault.users--;
}
