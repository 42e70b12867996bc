/** mmap of the device fd (vfio_pci_core.c: vfio_pci_core_mmap). */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Backing, MmapRequest } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { PCI_REGION, REGION_INFO_FLAG } from '../uapi/vfio.ts';
import { BarMapping } from './bar-mappings.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { offsetInRegion, offsetToIndex } from './region-offset.ts';

const pageAlign = (length: number): number => Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;

/** A backing, or a negated errno. Whether memory is enabled does not matter before the first touch. */
export function vfio_pci_core_mmap(core: VfioPciCoreDevice, _caller: Process, request: MmapRequest): Backing | number {
  const index = offsetToIndex(request.offset, core.offsetShift);
  const region = core.regions[index - PCI_REGION.NUM];
  if (index >= PCI_REGION.NUM && region === undefined) return -ERRNO.EINVAL;
  if (!request.shared) return -ERRNO.EINVAL;
  if (region !== undefined) {
    const mappable = (region.flags & REGION_INFO_FLAG.MMAP) !== 0;
    return mappable && region.ops.mmap ? region.ops.mmap(core, region, request) : -ERRNO.EINVAL;
  }
  if (index > PCI_REGION.BAR5 || !core.bars.mmapSupported[index]) return -ERRNO.EINVAL;
  const start = offsetInRegion(request.offset, core.offsetShift);
  const length = core.pdev.resources[index]!.length;
  if (start + pageAlign(request.length) > pageAlign(length)) return -ERRNO.EINVAL;
  const error = core.bars.reserved(index);
  return error < 0 ? error : new BarMapping(core, index, start);
}
