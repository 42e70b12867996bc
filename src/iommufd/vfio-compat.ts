/**
 * VFIO's container ioctls on an iommufd (vfio_compat.c): they work on one IOAS of it, and have no states to go through.
 */

import { viewOf } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import {
  DMA_MAP_FLAG,
  DMA_UNMAP_FLAG,
  EXTENSION,
  iommu_type1_dma_map,
  iommu_type1_dma_unmap,
  VFIO,
} from '../uapi/vfio.ts';
import type { Context } from './context.ts';
import { EVERYTHING } from './io-pagetable.ts';
import { Ioas } from './ioas.ts';
import { mapUser, unmapRange } from './ioas-ioctls.ts';
import { vfioGetInfo } from './vfio-compat-info.ts';

type CompatCall = (context: Context, caller: Process, argument: number) => number;
const API_VERSION = 0;

const IOCTLS: ReadonlyMap<number, CompatCall> = new Map<number, CompatCall>([
  [VFIO.GET_API_VERSION, () => API_VERSION],
  [VFIO.CHECK_EXTENSION, (context, _caller, extension) => checkExtension(context, extension)],
  [VFIO.SET_IOMMU, setIommu],
  [VFIO.IOMMU_GET_INFO, vfioGetInfo],
  [VFIO.IOMMU_MAP_DMA, mapDma],
  [VFIO.IOMMU_UNMAP_DMA, unmapDma],
]);

/** iommufd_vfio_ioctl. */
export function vfioIoctl(context: Context, caller: Process, command: number, argument: number): number {
  return IOCTLS.get(command)?.(context, caller, argument) ?? -ERRNO.ENOTTY;
}

/** iommufd_vfio_compat_ioas_create: a group joins, and needs an IOAS; 0, or EINVAL on a file for groups without IOMMU. */
export function createCompatIoas(context: Context): number {
  if (context.noiommu) return -ERRNO.EINVAL;
  if (context.vfioIoas !== undefined) return 0;
  if (context.noRoom()) return -ERRNO.ENOMEM;
  context.vfioIoas = context.objects.add(new Ioas(context));
  return 0;
}

/** iommufd_vfio_compat_set_no_iommu. */
export function setNoIommu(context: Context): number {
  if (context.vfioIoas !== undefined) return -ERRNO.EINVAL;
  context.noiommu = true;
  return 0;
}

function checkExtension(context: Context, extension: number): number {
  switch (extension) {
    case EXTENSION.TYPE1_IOMMU:
    case EXTENSION.TYPE1v2_IOMMU:
    case EXTENSION.UNMAP_ALL:
      return context.noiommu ? 0 : 1;
    case EXTENSION.NOIOMMU_IOMMU:
      return 1;
    case EXTENSION.DMA_CC_IOMMU: {
      if (context.vfioIoas === undefined) return -ERRNO.ENODEV;
      return context.vfioIoas.hwpts.every(({ domain }) => domain.coherent) ? 1 : 0;
    }
    default:
      return 0;
  }
}

/** iommufd_vfio_set_iommu: version 1 cuts mappings, which needs small pages. */
function setIommu(context: Context, caller: Process, type: number): number {
  if (context.noiommu) {
    if (type !== EXTENSION.NOIOMMU_IOMMU) return -ERRNO.EINVAL;
    return caller.capabilities.has('CAP_SYS_RAWIO') ? 0 : -ERRNO.EPERM;
  }
  if (type !== EXTENSION.TYPE1_IOMMU && type !== EXTENSION.TYPE1v2_IOMMU) return -ERRNO.EINVAL;
  if (context.vfioIoas === undefined) return -ERRNO.ENODEV;
  return type === EXTENSION.TYPE1_IOMMU ? context.vfioIoas.table.disableHugePages() : 0;
}

/** iommufd_vfio_map_dma. Access flags may both be missing: only an IOMMU minds. */
function mapDma(context: Context, caller: Process, argument: number): number {
  const { at, size } = iommu_type1_dma_map;
  const bytes = caller.copyFromUser(argument, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const flags = view.getUint32(at.flags, true);
  if (view.getUint32(at.argsz, true) < size || (flags & ~(DMA_MAP_FLAG.READ | DMA_MAP_FLAG.WRITE)) !== 0)
    return -ERRNO.EINVAL;
  if (context.vfioIoas === undefined) return -ERRNO.ENODEV;
  const prot = { read: (flags & DMA_MAP_FLAG.READ) !== 0, write: (flags & DMA_MAP_FLAG.WRITE) !== 0 };
  const [address, length] = [view.getBigUint64(at.vaddr, true), view.getBigUint64(at.size, true)];
  const placed = mapUser(context, context.vfioIoas, caller, address, length, view.getBigUint64(at.iova, true), prot);
  return typeof placed === 'number' ? placed : 0;
}

/** iommufd_vfio_unmap_dma: the size comes back even where unmapping failed half-way. */
function unmapDma(context: Context, caller: Process, argument: number): number {
  const { at, size } = iommu_type1_dma_unmap;
  const bytes = caller.copyFromUser(argument, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const flags = view.getUint32(at.flags, true);
  if (view.getUint32(at.argsz, true) < size || (flags & ~DMA_UNMAP_FLAG.ALL) !== 0) return -ERRNO.EINVAL;
  const ioas = context.vfioIoas;
  if (ioas === undefined) return -ERRNO.ENODEV;
  const [iova, length] = [view.getBigUint64(at.iova, true), view.getBigUint64(at.size, true)];
  let result: { readonly error: number; readonly bytes: bigint };
  if (flags & DMA_UNMAP_FLAG.ALL) {
    if (iova !== 0n || length !== 0n) return -ERRNO.EINVAL;
    result = ioas.table.unmap(EVERYTHING.start, EVERYTHING.last);
  } else {
    const error = ioas.table.hugePagesOff ? cutAround(ioas, iova, length) : 0;
    if (error !== 0) return error;
    result = unmapRange(ioas, iova, length);
  }
  view.setBigUint64(at.size, result.bytes, true);
  return caller.copyToUser(argument, bytes) ? result.error : -ERRNO.EFAULT;
}

/** iopt_cut_iova at both ends: what type1 of version 1 lets users rely on. */
function cutAround(ioas: Ioas, iova: bigint, length: bigint): number {
  const error = ioas.table.cut(BigInt.asUintN(64, iova + length - 1n));
  return error !== 0 || iova === 0n ? error : ioas.table.cut(iova - 1n);
}
