/** VFIO_MIG_GET_PRECOPY_INFO on a saving data file: what all drivers share (linux/vfio.h: vfio_check_precopy_ioctl). */
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { precopy_info, VFIO } from '../../uapi/vfio.ts';

const { at, size: SIZE } = precopy_info;

/**
 * struct vfio_precopy_info, read from the user and edited in place: a count the driver does not assign goes back as the
 * user sent it. Bytes are bigint because that echo must keep all 64 bits.
 */
export interface PrecopyInfo {
  readonly argsz: number;
  flags: number;
  initial_bytes: bigint;
  dirty_bytes: bigint;
}

/**
 * The checks before the driver takes its state mutex, in order: another command ENOTTY, unreadable EFAULT, argsz below 24
 * EINVAL. `flags` starts at 0 only for a device whose user opted in (VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2); an old user
 * gets its own value back. The driver then checks its state (EINVAL) and its file (ENODEV), and writes the answer with
 * {@link writePrecopyInfo}.
 */
export function vfio_check_precopy_ioctl(
  caller: Process,
  command: number,
  argument: number,
  device: { readonly precopyInfoV2: boolean },
): PrecopyInfo | number {
  if (command !== VFIO.MIG_GET_PRECOPY_INFO) return -ERRNO.ENOTTY;
  const bytes = caller.copyFromUser(argument, SIZE);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const argsz = view.getUint32(at.argsz, true);
  if (argsz < SIZE) return -ERRNO.EINVAL;
  return {
    argsz,
    flags: device.precopyInfoV2 ? 0 : view.getUint32(at.flags, true),
    initial_bytes: view.getBigUint64(at.initial_bytes, true),
    dirty_bytes: view.getBigUint64(at.dirty_bytes, true),
  };
}

/** Copies the answer back: 0, or EFAULT. */
export function writePrecopyInfo(caller: Process, argument: number, info: PrecopyInfo): number {
  const bytes = zeroedBytes(SIZE);
  const view = viewOf(bytes);
  view.setUint32(at.argsz, info.argsz, true);
  view.setUint32(at.flags, info.flags, true);
  view.setBigUint64(at.initial_bytes, info.initial_bytes, true);
  view.setBigUint64(at.dirty_bytes, info.dirty_bytes, true);
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}
