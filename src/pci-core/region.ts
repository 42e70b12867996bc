/** Device-specific regions, index 9 and up (struct vfio_pci_region, vfio_pci_regops). */
import type { Backing, MmapRequest } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import type { RegionInfo } from '../vfio/device.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** What the driver does for such a region. */
export interface DeviceRegionOps {
  /** The bytes done, or a negated errno. `position` counts from the region's start. */
  rw(
    core: VfioPciCoreDevice,
    region: DeviceRegion,
    caller: Process,
    address: number,
    count: number,
    position: number,
    iswrite: boolean,
  ): number;
  release?(core: VfioPciCoreDevice, region: DeviceRegion): void;
  mmap?(core: VfioPciCoreDevice, region: DeviceRegion, request: MmapRequest): Backing | number;
  /** More capabilities for GET_REGION_INFO; a negated errno fails it. */
  addCapability?(core: VfioPciCoreDevice, region: DeviceRegion, info: RegionInfo): number;
}

/** A region behind the standard ones. */
export interface DeviceRegion {
  readonly type: number;
  readonly subtype: number;
  readonly ops: DeviceRegionOps;
  /** Bytes. */
  readonly size: number;
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number;
  readonly data: unknown;
}

/** Adds a region behind the fixed ones; 0. */
export function vfio_pci_core_register_dev_region(
  core: VfioPciCoreDevice,
  type: number,
  subtype: number,
  ops: DeviceRegionOps,
  size: number,
  flags: number,
  data: unknown,
): number {
  core.regions.push({ type, subtype, ops, size, flags, data });
  return 0;
}

/** At close: every region is released, and forgotten. */
export function releaseRegions(core: VfioPciCoreDevice): void {
  for (const region of core.regions.splice(0)) region.ops.release?.(core, region);
}
