/**
 * Memory of the user for drivers of emulated devices (vfio_main.c: vfio_pin_pages, vfio_unpin_pages, vfio_dma_rw): by
 * the container, or by the access that the device has in an iommufd.
 */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { VfioContainer } from './container.ts';
import type { VfioDevice } from './device.ts';
import type { ExternalAccess } from './type1/external.ts';

const PAGE = BigInt(PAGE_SIZE);
const alignDown = (iova: bigint): bigint => iova - (iova % PAGE);

/** Physical addresses of `count` pages from `iova` on, or a negated errno and nothing pinned. */
export function vfio_pin_pages(device: VfioDevice, iova: bigint, count: number, write: boolean): number[] | number {
  if (count === 0 || device.openCount === 0 || device.ops.dma_unmap === undefined) return -ERRNO.EINVAL;
  const external = externalOf(device);
  if (typeof external === 'object') return external.pin(device.group!, Number(iova), count, write);
  if (external !== 0) return external;
  return device.binding?.access?.pin(alignDown(iova), BigInt(count) * PAGE, write) ?? -ERRNO.EINVAL;
}

/** Gives pages back that were pinned by the same range. */
export function vfio_unpin_pages(device: VfioDevice, iova: bigint, count: number): void {
  if (device.openCount === 0 || device.ops.dma_unmap === undefined) return;
  const external = externalOf(device);
  if (typeof external === 'object') external.unpin(Number(iova), count);
  else device.binding?.access?.unpin(alignDown(iova), BigInt(count) * PAGE);
}

/** Copies between `bytes` and the user's memory; `caller` is undefined in a kernel thread. 0, or a negated errno. */
export function vfio_dma_rw(
  device: VfioDevice,
  caller: Process | undefined,
  iova: bigint,
  bytes: Uint8Array,
  write: boolean,
): number {
  if (bytes.length === 0 || device.openCount === 0) return -ERRNO.EINVAL;
  const external = externalOf(device);
  if (typeof external === 'object') return external.access(caller, Number(iova), bytes, write);
  if (external !== 0) return external;
  return device.binding?.access?.copy(iova, bytes, write) ?? -ERRNO.EINVAL;
}

/** The way through a container; 0: the device is in none, ENOTTY: its IOMMU driver has no such way. */
function externalOf({ group }: VfioDevice): ExternalAccess | number {
  const container = group?.container;
  if (!(container instanceof VfioContainer)) return 0;
  return container.backend?.external ?? -ERRNO.ENOTTY;
}
