/** The migration features of the core: MIGRATION, MIG_DEVICE_STATE, MIG_DATA_SIZE, MIG_PRECOPY_INFOv2 (vfio_main.c). */

import type { Task } from '../../../sim/scheduler.ts';
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { OpenFile } from '../../kernel/file.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import {
  device_feature_mig_data_size,
  device_feature_mig_state,
  device_feature_migration,
  FEATURE_FLAG,
} from '../../uapi/vfio.ts';
import type { VfioDevice } from '../device.ts';
import { dropFile } from './walk.ts';

const { at: MIG, size: MIG_SIZE } = device_feature_mig_state;

/** vfio_ioctl_device_feature_migration: what the driver supports, as a u64. */
export function migrationFlags(device: VfioDevice, caller: Process, _flags: number, argument: number): number {
  return writeU64(caller, argument, device_feature_migration.size, device.migrationFlags);
}

/** vfio_ioctl_device_feature_migration_data_size: the driver's estimate in bytes, in any state. */
export function* migrationDataSize(
  device: VfioDevice,
  caller: Process,
  _flags: number,
  argument: number,
): Task<number> {
  const length = yield* device.migOps!.migration_get_data_size(device.data);
  return length < 0 ? length : writeU64(caller, argument, device_feature_mig_data_size.size, length);
}

/** The opt-in that makes VFIO_MIG_GET_PRECOPY_INFO zero its flags; it holds until the last close. */
export function migrationPrecopyInfoV2(device: VfioDevice): number {
  device.precopyInfoV2 = true;
  return 0;
}

/**
 * vfio_ioctl_device_feature_mig_device_state. The struct is read before anything happens, and it is written back on
 * every outcome: a failing SET returns the state that was asked for and data_fd -1, so only a GET tells where the walk
 * stopped; a write-back that faults hides the driver's errno. The state asked for is the driver's to check.
 */
export function* migrationDeviceState(
  device: VfioDevice,
  caller: Process,
  flags: number,
  argument: number,
): Task<number> {
  if (!caller.copyFromUserInto(argument, bytes)) return -ERRNO.EFAULT;
  if ((flags & FEATURE_FLAG.GET) !== 0) {
    const state = yield* device.migOps!.migration_get_state(device.data);
    if (state < 0) return state;
    return writeState(caller, argument, state, -1) ? 0 : -ERRNO.EFAULT;
  }
  const target = mig.getUint32(MIG.device_state, true);
  const result = yield* device.migOps!.migration_set_state(device.data, target);
  if (typeof result === 'object') return yield* returnDataFile(caller, result, argument, target);
  return writeState(caller, argument, target, -1) ? (result ?? 0) : -ERRNO.EFAULT;
}

/** The struct between two sleep points: it is read, and written, in one go. */
const bytes = zeroedBytes(MIG_SIZE);
const mig = viewOf(bytes);

function writeState(caller: Process, argument: number, state: number, fd: number): boolean {
  mig.setUint32(MIG.device_state, state, true);
  mig.setInt32(MIG.data_fd, fd, true);
  return caller.copyToUser(argument, bytes);
}

/**
 * vfio_ioct_mig_return_fd: hands the data file out. EMFILE and EFAULT cost the user the file, yet the device has changed
 * its state. The kernel installs after the copy; nothing can run in between here, so installing first looks the same.
 */
function* returnDataFile(caller: Process, file: OpenFile, argument: number, state: number): Task<number> {
  const fd = caller.files.install(file);
  if (fd < 0) {
    yield* dropFile(file);
    return fd;
  }
  if (writeState(caller, argument, state, fd)) return 0;
  const closed = caller.closeCall(fd);
  if (typeof closed !== 'number') yield* closed;
  return -ERRNO.EFAULT;
}

/** copy_to_user of a struct that is one u64. */
function writeU64(caller: Process, address: number, size: number, value: number): number {
  const bytes = zeroedBytes(size);
  viewOf(bytes).setBigUint64(0, BigInt(value), true);
  return caller.copyToUser(address, bytes) ? 0 : -ERRNO.EFAULT;
}
