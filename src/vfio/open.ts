/**
 * First open and last close of a device (vfio_main.c:vfio_df_open, vfio_df_close), for the group path and for the
 * cdev alike. Invariant: the driver's open_device and the IOMMU's use are each undone exactly once per first open. The
 * caller holds the lock of the device set throughout.
 */
import type { Task } from '../../sim/scheduler.ts';
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { VfioDevice } from './device.ts';

/** What translates an open device's DMA: the container of its group, or an iommufd. */
export interface DeviceIommu {
  /** Before open_device: the right to use the IOMMU; 0 or a negated errno. */
  use(device: VfioDevice, caller: Process): Result;
  /** After open_device: what iommufd does last on a first open; a negated errno closes the device again. */
  opened?(device: VfioDevice, caller: Process): Result;
  /** After close_device. */
  unuse(device: VfioDevice): void;
}

/** The group path counts opens; the cdev has no safe way to share and takes the device alone. */
export type OpenPath = 'group' | 'cdev';

/** Opens `device` or counts one more opener; 0 or a negated errno, with nothing left behind. */
export function* openDevice(device: VfioDevice, iommu: DeviceIommu, path: OpenPath, caller: Process): Task<number> {
  if (device.openCount !== 0 && path === 'cdev') return -ERRNO.EINVAL;
  device.openCount++;
  if (device.openCount > 1) return 0;
  const error = yield* firstOpen(device, iommu, caller);
  if (error !== 0) device.openCount--;
  return error;
}

/** Drops one opener; the last one closes the device. */
export function* closeDevice(device: VfioDevice, iommu: DeviceIommu): Task<void> {
  if (device.openCount === 1) yield* lastClose(device, iommu);
  device.openCount--;
}

/** Runs a call that may be a task to its result. */
export function* resultOf(call: Result): Task<number> {
  return typeof call === 'number' ? call : yield* call;
}

/** vfio_main.c:vfio_df_device_first_open. */
function* firstOpen(device: VfioDevice, iommu: DeviceIommu, caller: Process): Task<number> {
  let error = yield* resultOf(iommu.use(device, caller));
  if (error !== 0) return error;
  error = yield* resultOf(device.ops.open_device?.(device.data) ?? 0);
  if (error !== 0) {
    iommu.unuse(device);
    return error;
  }
  error = yield* resultOf(iommu.opened?.(device, caller) ?? 0);
  if (error !== 0) yield* lastClose(device, iommu);
  return error;
}

/** vfio_main.c:vfio_df_device_last_close. */
function* lastClose(device: VfioDevice, iommu: DeviceIommu): Task<void> {
  const closing = device.ops.close_device?.(device.data);
  if (closing !== undefined) yield* closing;
  iommu.unuse(device);
  device.precopyInfoV2 = false;
}
