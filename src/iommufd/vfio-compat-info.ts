/** VFIO_IOMMU_GET_INFO on an iommufd (vfio_compat.c: iommufd_vfio_iommu_get_info). */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { INFO_CAP, IOMMU_INFO, info_cap_header, iommu_type1_info } from '../uapi/vfio.ts';
import type { Context } from './context.ts';
import type { Ioas } from './ioas.ts';
import { U64_MAX } from './u64.ts';

const { at, size } = iommu_type1_info;
/** Bytes a caller must have at least: up to and with iova_pgsizes. */
const MIN_SIZE = at.cap_offset;
/** There is no limit on the number of mappings. */
const DMA_AVAIL = 0xffff_ffff;

/** The size that is needed comes back whatever was given; capabilities that fit are there, even if not all do. */
export function vfioGetInfo(context: Context, caller: Process, argument: number): number {
  const given = caller.copyFromUser(argument, MIN_SIZE);
  if (given === undefined) return -ERRNO.EFAULT;
  const argsz = viewOf(given).getUint32(at.argsz, true);
  if (argsz < MIN_SIZE) return -ERRNO.EINVAL;
  const ioas = context.vfioIoas;
  if (ioas === undefined) return -ERRNO.ENODEV;
  const caps = [dmaAvail(), iovaRanges(ioas)];
  let end = size;
  for (const [index, cap] of caps.entries()) {
    const start = end;
    end += cap.length;
    const view = viewOf(cap);
    if (index < caps.length - 1) view.setUint32(info_cap_header.at.next, end, true);
    if (end <= argsz && !caller.copyToUser(argument + start, cap)) return -ERRNO.EFAULT;
  }
  const info = zeroedBytes(size);
  const view = viewOf(info);
  view.setUint32(at.argsz, end, true);
  view.setUint32(at.flags, IOMMU_INFO.PGSIZES | IOMMU_INFO.CAPS, true);
  view.setBigUint64(at.iova_pgsizes, pageSizes(ioas), true);
  view.setUint32(at.cap_offset, end <= argsz ? size : 0, true);
  return caller.copyToUser(argument, info.subarray(0, Math.min(argsz, size))) ? 0 : -ERRNO.EFAULT;
}

/** What all page tables have in common; without one, every size from PAGE_SIZE up. */
function pageSizes(ioas: Ioas): bigint {
  let sizes = U64_MAX;
  for (const { features } of ioas.table.tables)
    sizes &= features.pageSizes.reduce((bits, bytes) => bits | BigInt(bytes), 0n);
  return sizes === U64_MAX ? U64_MAX - BigInt(PAGE_SIZE - 1) : sizes;
}

function header(id: number, length: number): Uint8Array {
  const bytes = zeroedBytes(length);
  const view = viewOf(bytes);
  view.setUint16(info_cap_header.at.id, id, true);
  view.setUint16(info_cap_header.at.version, 1, true);
  return bytes;
}

function dmaAvail(): Uint8Array {
  const bytes = header(INFO_CAP.TYPE1_DMA_AVAIL, 16);
  viewOf(bytes).setUint32(info_cap_header.size, DMA_AVAIL, true);
  return bytes;
}

function iovaRanges(ioas: Ioas): Uint8Array {
  const ranges = ioas.table.reserved.usable;
  const bytes = header(INFO_CAP.TYPE1_IOVA_RANGE, 16 + 16 * ranges.length);
  const view = viewOf(bytes);
  view.setUint32(info_cap_header.size, ranges.length, true);
  for (const [index, { start, last }] of ranges.entries()) {
    view.setBigUint64(16 + 16 * index, start, true);
    view.setBigUint64(24 + 16 * index, last, true);
  }
  return bytes;
}
