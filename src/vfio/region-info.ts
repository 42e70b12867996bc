/** VFIO_DEVICE_GET_REGION_INFO: the part every driver shares (vfio_main.c: vfio_get_region_info). */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { REGION_INFO_FLAG, region_info } from '../uapi/vfio.ts';
import type { RegionInfo, VfioDevice } from './device.ts';
import { allocateInfoCaps, placeInfoCaps } from './info-caps.ts';

const { at, size: SIZE } = region_info;

/**
 * Answers region `index` of the struct at `argument`; 0 or a negated errno. The kernel edits the user's own copy of the
 * struct, so whatever neither the driver nor the chain assigns (cap_offset of a region without capabilities) comes back
 * as the user sent it. The driver therefore starts from the user's flags, size and offset, and must assign all three.
 */
export function vfio_get_region_info<D>(device: VfioDevice<D>, caller: Process, argument: number): number {
  const { ops } = device;
  if (ops.get_region_info_caps === undefined) return -ERRNO.EINVAL;
  const bytes = zeroedBytes(SIZE);
  if (!caller.copyFromUserInto(argument, bytes)) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const argsz = view.getUint32(at.argsz, true);
  if (argsz < SIZE) return -ERRNO.EINVAL;

  const info: RegionInfo = {
    flags: view.getUint32(at.flags, true),
    size: view.getBigUint64(at.size, true),
    offset: view.getBigUint64(at.offset, true),
    caps: [],
  };
  const error = ops.get_region_info_caps(device.data, view.getUint32(at.index, true), info);
  if (error !== 0) return error;
  if (!allocateInfoCaps(caller, info.caps)) return -ERRNO.ENOMEM;

  if (info.caps.length > 0) {
    const placed = placeInfoCaps(caller, argument, argsz, SIZE, info.caps);
    if (typeof placed === 'number') return placed;
    info.flags |= REGION_INFO_FLAG.CAPS;
    view.setUint32(at.argsz, placed.argsz, true);
    view.setUint32(at.cap_offset, placed.capOffset, true);
  }
  view.setUint32(at.flags, info.flags, true);
  view.setBigUint64(at.size, info.size, true);
  view.setBigUint64(at.offset, info.offset, true);
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}
