/** A device as the VFIO core sees it: struct vfio_device and vfio_device_ops of include/linux/vfio.h, Linux 7.3. */
import type { Task } from '../../sim/scheduler.ts';
import type { Backing, MmapRequest, Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import type { Binding } from './binding.ts';
import type { ContainerLike } from './container.ts';
import type { VfioGroup } from './group.ts';
import type { VfioLogOps, VfioMigrationOps } from './migration/ops.ts';

/** What get_region_info_caps fills: the fixed part, and the capability chain. */
export interface RegionInfo {
  flags: number;
  /** Bytes. */
  size: bigint;
  /** File offset of the region's first byte. */
  offset: bigint;
  /** Capabilities, each with its payload after the 8-byte header. */
  caps: { readonly id: number; readonly version: number; readonly payload: Uint8Array }[];
}

/**
 * Callbacks of a VFIO driver, under the kernel's names. `D` is the driver's own device; a missing callback answers as
 * the kernel does for a null pointer. Values are counts, or negated errnos.
 */
export interface VfioDeviceOps<D> {
  /** E.g. `vfio-pci`, `mlx5-vfio-pci`. */
  readonly name: string;
  open_device?(device: D): Result;
  close_device?(device: D): void | Task<void>;
  ioctl?(device: D, caller: Process, command: number, argument: number): Result;
  read?(device: D, caller: Process, address: number, length: number, position: number): Result;
  write?(device: D, caller: Process, address: number, length: number, position: number): Result;
  mmap?(device: D, caller: Process, request: MmapRequest): Backing | number;
  /** The driver is asked to give the device back; `count` counts the requests. */
  request?(device: D, count: number): void;
  /** 1: `name` means this device; 0: another one; negative: an errno. Without it names are compared. */
  match?(device: D, name: string): number;
  match_token_uuid?(device: D, token: Uint8Array | undefined): number;
  /** VFIO_DEVICE_FEATURE for features the core does not know; `argument` points behind the 8-byte header. */
  device_feature?(device: D, caller: Process, flags: number, argument: number, argsz: number): Result;
  /** Fills `info` for region `index`; 0 or a negated errno. */
  get_region_info_caps?(device: D, index: number, info: RegionInfo): number;
  /** The device pins pages itself (emulated devices): told before a range goes. */
  dma_unmap?(device: D, iova: number, length: number): void;
  /** What the driver holds for the device, by name; for whoever looks for leaks. */
  resources?(device: D): Readonly<Record<string, number>>;
  /** PASID attach is offered (vfio-pci itself only). */
  readonly pasid?: boolean;
}

/** One VFIO device. Open counts, group and migration abilities are the core's; the rest is the driver's `data`. */
export class VfioDevice<D = unknown> {
  /** What GET_DEVICE_FD takes: for PCI `0000:bb:dd.f`. */
  readonly name: string;
  readonly ops: VfioDeviceOps<D>;
  readonly data: D;
  group: VfioGroup | undefined;
  /** Number in /dev/vfio/devices/vfioN. */
  index = -1;
  /** Opens through the group (any number), or 1 through the cdev. */
  openCount = 0;
  /** The container of the group that it was opened with (device->group->container). */
  openedWith: ContainerLike | undefined = undefined;
  /** The iommufd the open device is bound to. */
  binding: Binding | undefined;
  /** Opened through the character device. */
  cdevOpened = false;
  /** References that keep an unregister waiting. */
  references = 0;
  /** The driver is being removed: look-ups no longer find the device. */
  dying = false;
  /** VFIO_MIGRATION_* the driver offers; 0: not migratable. */
  migrationFlags = 0;
  migOps: VfioMigrationOps<D> | undefined;
  logOps: VfioLogOps<D> | undefined;
  /** The user opted in to VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2; cleared at last close. */
  precopyInfoV2 = false;

  constructor(name: string, ops: VfioDeviceOps<D>, data: D) {
    this.name = name;
    this.ops = ops;
    this.data = data;
  }
}
