/** What the objects of an iommufd are, in the reference. */
import type { IommuDescription } from '../../../sim/pci/description.ts';
import type { ReferenceHold, ReferenceIoas, ShownBy } from './ioas.ts';

/** A device, or the emulated one. */
export interface ReferenceDevice {
  readonly name: string;
  readonly group: number;
  readonly pageRequests: boolean;
  /** Its number while it is bound. */
  id: number;
  hwpt: ReferenceHwpt | undefined;
  vdevice: number;
  /** How many PASIDs it has. */
  readonly pasidCount: number;
  /** What they are translated by. */
  readonly pasids: Map<number, ReferenceHwpt>;
}

export interface ReferenceHwpt extends ShownBy {
  id: number;
  readonly ioas: ReferenceIoas;
  readonly automatic: boolean;
  readonly nestParent: boolean;
  readonly dirtyTracking: boolean;
  /** It may be attached to PASIDs, and beside such attachments. */
  readonly pasid: boolean;
  /** Whom it is nested on. */
  readonly parent: ReferenceHwpt | undefined;
  readonly fault: number;
  /** No device can be attached: what its first stage says is nothing the IOMMU can do. */
  readonly refused: boolean;
  /** A guest's first stage that says the same of every address. */
  readonly stage?: 'bypass' | 'abort';
  tracking: boolean;
  /** IOVAs of pages that were written since they were last asked for. */
  readonly dirty: Set<bigint>;
}

export type Kind =
  | 'ioas'
  | 'hwpt-paging'
  | 'hwpt-nested'
  | 'device'
  | 'access'
  | 'fault'
  | 'viommu'
  | 'vdevice'
  | 'veventq'
  | 'hw-queue';

/** A queue that hardware reads by itself, and the access that pins its memory. */
export interface ReferenceQueue {
  readonly index: number;
  readonly access: number;
  readonly space: ReferenceIoas;
  readonly holds: readonly ReferenceHold[];
}

export interface ReferenceObject {
  readonly kind: Kind;
  /** Numbers of the objects it holds. */
  readonly holds: readonly number[];
  /** An open descriptor, or a driver, holds it. */
  held: boolean;
  readonly ioas?: ReferenceIoas;
  readonly hwpt?: ReferenceHwpt;
  readonly device?: ReferenceDevice;
  readonly queue?: ReferenceQueue;
  /** What else an alloc said: a virtual id, a type. */
  readonly tag?: bigint;
}

/** Flags of HWPT_ALLOC. */
export const HWPT_FLAG = { NEST: 1, DIRTY: 2, FAULT: 4, PASID: 8 } as const;

/** A page table of an IOMMU that can do so much, before it has a number. */
export function newHwpt(
  { aperture, pageSizes }: IommuDescription,
  ioas: ReferenceIoas,
  automatic: boolean,
  flags: number,
  fault: number,
): ReferenceHwpt {
  return {
    id: 0,
    ioas,
    automatic,
    nestParent: (flags & HWPT_FLAG.NEST) !== 0,
    dirtyTracking: (flags & HWPT_FLAG.DIRTY) !== 0,
    pasid: (flags & HWPT_FLAG.PASID) !== 0,
    parent: undefined,
    fault,
    refused: false,
    tracking: false,
    dirty: new Set(),
    smallestPage: BigInt(Math.min(...pageSizes)),
    apertureFirst: BigInt(aperture[0]),
    apertureLast: BigInt(aperture[1]),
  };
}
