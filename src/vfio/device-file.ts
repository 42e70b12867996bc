/** The device fd (vfio_main.c: vfio_device_fops): what the core decides before a driver is asked. */

import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Task } from '../../sim/scheduler.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { Backing, MmapRequest, OpenFile, Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { BIND_FLAG, device_bind_iommufd, VFIO } from '../uapi/vfio.ts';
import type { VfioDevice, VfioDeviceOps } from './device.ts';
import { vfio_ioctl_device_feature } from './feature.ts';
import { vfio_get_region_info } from './region-info.ts';

/** Bytes of the struct's first version: up to and with out_devid. */
const MIN_SIZE = device_bind_iommufd.at.token_uuid_ptr;

/** A BIND whose size, flags and iommufd number are plausible. */
export interface BindRequest {
  readonly iommufd: number;
  /** Address of the 16-byte token, if the token flag is set. */
  readonly token: number | undefined;
}

/** What a device fd of /dev/vfio/devices does in addition; an fd from a group has none of it. */
export interface CdevIoctls {
  /** VFIO_DEVICE_BIND_IOMMUFD once its arguments are checked; on success it sets {@link VfioDeviceFile.granted}. */
  bind(caller: Process, argument: number, request: BindRequest): Result;
  attach(caller: Process, argument: number): Result;
  detach(caller: Process, argument: number): Result;
}

/** Runtime power management of a driver's device: the core holds it awake during an ioctl. */
export interface RuntimePower<D> {
  /** Wakes the device; 0, or a negative number when it does not wake (the ioctl answers EIO). */
  pm_runtime_get?(device: D): number;
  /** The ioctl is over: the device may sleep again. */
  pm_runtime_put?(device: D): void;
}

/** How a device fd was opened. */
export interface DeviceFileOptions {
  /** False for a fresh cdev fd: until BIND everything else answers EINVAL. */
  readonly granted: boolean;
  /** Closes the device and puts the opener's reference to it; called when the last reference to the file goes. */
  readonly release: () => void | Task<void>;
  readonly cdev?: CdevIoctls;
  /** Default: the name of an fd from a group. */
  readonly name?: string;
}

/**
 * One open of a device. The opener's reference (vfio_device_try_get_registration) is what keeps the device registered as
 * long as this file is open, by a descriptor or by a mapping; the file itself does not count again.
 */
export class VfioDeviceFile<D> implements OpenFile {
  readonly name: string;
  readonly device: VfioDevice<D>;
  /** access_granted: the user may reach the device. */
  granted: boolean;
  /** Where read and write go on; pread and pwrite neither use nor move it. */
  private position = 0;
  private readonly ops: VfioDeviceOps<D> & RuntimePower<D>;
  private readonly options: DeviceFileOptions;

  constructor(device: VfioDevice<D>, options: DeviceFileOptions) {
    this.name = options.name ?? 'anon_inode:[vfio-device]';
    this.device = device;
    this.granted = options.granted;
    this.ops = device.ops;
    this.options = options;
  }

  ioctl(caller: Process, command: number, argument: number): Result {
    // BIND is what grants access, so it comes before the gate.
    if (command === VFIO.DEVICE_BIND_IOMMUFD) return this.bind(caller, argument);
    if (!this.granted) return -ERRNO.EINVAL;
    if (this.ops.pm_runtime_get === undefined) return this.dispatch(caller, command, argument);
    if (this.ops.pm_runtime_get(this.device.data) < 0) return -ERRNO.EIO;
    const result = this.dispatch(caller, command, argument);
    if (typeof result !== 'number') return this.putPowerAfter(result);
    this.ops.pm_runtime_put?.(this.device.data);
    return result;
  }

  read(caller: Process, address: number, length: number, position: number | undefined): Result {
    if (!this.granted || this.ops.read === undefined) return -ERRNO.EINVAL;
    const done = this.ops.read(this.device.data, caller, address, length, position ?? this.position);
    return position === undefined ? this.advance(done) : done;
  }

  write(caller: Process, address: number, length: number, position: number | undefined): Result {
    if (!this.granted || this.ops.write === undefined) return -ERRNO.EINVAL;
    const done = this.ops.write(this.device.data, caller, address, length, position ?? this.position);
    return position === undefined ? this.advance(done) : done;
  }

  mmap(caller: Process, request: MmapRequest): Backing | number {
    if (!this.granted || this.ops.mmap === undefined) return -ERRNO.EINVAL;
    return this.ops.mmap(this.device.data, caller, request);
  }

  release(): void | Task<void> {
    return this.options.release();
  }

  private dispatch(caller: Process, command: number, argument: number): Result {
    const { cdev } = this.options;
    switch (command) {
      case VFIO.DEVICE_FEATURE:
        return vfio_ioctl_device_feature(this.device, caller, argument);
      case VFIO.DEVICE_GET_REGION_INFO:
        return vfio_get_region_info(this.device, caller, argument);
      case VFIO.DEVICE_ATTACH_IOMMUFD_PT:
        if (cdev !== undefined) return cdev.attach(caller, argument);
        break;
      case VFIO.DEVICE_DETACH_IOMMUFD_PT:
        if (cdev !== undefined) return cdev.detach(caller, argument);
        break;
    }
    return this.ops.ioctl?.(this.device.data, caller, command, argument) ?? -ERRNO.EINVAL;
  }

  private bind(caller: Process, argument: number): Result {
    const request = readBindRequest(caller, argument);
    if (typeof request === 'number') return request;
    return this.options.cdev?.bind(caller, argument, request) ?? -ERRNO.EINVAL;
  }

  private advance(done: Result): Result {
    if (typeof done !== 'number') return this.advanceAfter(done);
    if (done > 0) this.position += done;
    return done;
  }

  private *advanceAfter(call: Task<number>): Task<number> {
    const done = yield* call;
    if (done > 0) this.position += done;
    return done;
  }

  private *putPowerAfter(call: Task<number>): Task<number> {
    const result = yield* call;
    this.ops.pm_runtime_put?.(this.device.data);
    return result;
  }
}

/**
 * Checks BIND's argument, alike for every device fd (device_cdev.c: vfio_df_ioctl_bind_iommufd). Returns the request, or
 * EFAULT, EINVAL, or E2BIG for an unknown non-zero tail.
 */
function readBindRequest(caller: Process, argument: number): BindRequest | number {
  const size = caller.copyFromUser(argument, 4);
  if (size === undefined) return -ERRNO.EFAULT;
  const argsz = viewOf(size).getUint32(0, true);
  if (argsz < MIN_SIZE) return -ERRNO.EINVAL;
  const tail = checkZeroTail(caller, argument + device_bind_iommufd.size, argument + argsz);
  if (tail < 0) return tail;
  const bytes = new Uint8Array(device_bind_iommufd.size);
  if (!caller.copyFromUserInto(argument, bytes.subarray(0, Math.min(argsz, device_bind_iommufd.size))))
    return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const flags = view.getUint32(device_bind_iommufd.at.flags, true);
  const iommufd = view.getInt32(device_bind_iommufd.at.iommufd, true);
  if (iommufd < 0 || (flags & ~BIND_FLAG.TOKEN) !== 0) return -ERRNO.EINVAL;
  // A struct without the field counts as one with a null pointer (copy_struct_from_user fills with zeros).
  const token = Number(view.getBigUint64(device_bind_iommufd.at.token_uuid_ptr, true));
  return { iommufd, token: (flags & BIND_FLAG.TOKEN) === 0 ? undefined : token };
}

/** check_zeroed_user: page by page, so that a non-zero byte in front of a fault is seen first. */
function checkZeroTail(caller: Process, from: number, to: number): number {
  for (let at = from; at < to; ) {
    const length = Math.min(PAGE_SIZE - (at % PAGE_SIZE), to - at);
    const bytes = caller.copyFromUser(at, length);
    if (bytes === undefined) return -ERRNO.EFAULT;
    if (bytes.some((byte) => byte !== 0)) return -ERRNO.E2BIG;
    at += length;
  }
  return 0;
}
