/** VFIO_IOMMU_MAP_DMA (vfio_iommu_type1_map_dma, vfio_dma_do_map). */
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { DMA_MAP_FLAG, iommu_type1_dma_map } from '../../uapi/vfio.ts';
import type { DirtyPages } from './dirty.ts';
import { Dma } from './dma.ts';
import type { Pinning } from './pinning.ts';
import type { Type1State } from './state.ts';
import { wraps } from './u64.ts';
import type { VaddrUpdate } from './vaddr.ts';

const FLAGS = DMA_MAP_FLAG.READ | DMA_MAP_FLAG.WRITE | DMA_MAP_FLAG.VADDR;
const { argsz, flags, vaddr, iova, size } = iommu_type1_dma_map.at;

/** struct vfio_iommu_type1_dma_map as the user wrote it. */
export interface MapRequest {
  readonly argsz: number;
  readonly flags: number;
  readonly vaddr: bigint;
  readonly iova: bigint;
  readonly size: bigint;
}

export class MapDma {
  private readonly state: Type1State;
  private readonly pinning: Pinning;
  private readonly dirty: DirtyPages;
  private readonly vaddrs: VaddrUpdate;
  private readonly bytes = zeroedBytes(iommu_type1_dma_map.size);
  private readonly view = viewOf(this.bytes);

  constructor(state: Type1State, pinning: Pinning, dirty: DirtyPages, vaddrs: VaddrUpdate) {
    this.state = state;
    this.pinning = pinning;
    this.dirty = dirty;
    this.vaddrs = vaddrs;
  }

  ioctl(caller: Process, argument: number): number {
    if (!caller.copyFromUserInto(argument, this.bytes)) return -ERRNO.EFAULT;
    const request = this.decode();
    const error = this.checkArguments(request) || this.checkProtection(request) || this.checkAlignment(request);
    if (error !== 0) return error;
    const start = Number(request.iova);
    const length = Number(request.size);
    const address = Number(request.vaddr);
    if (request.flags & DMA_MAP_FLAG.VADDR) return this.vaddrs.restore(caller, start, length, address);
    const read = (request.flags & DMA_MAP_FLAG.READ) !== 0;
    const write = (request.flags & DMA_MAP_FLAG.WRITE) !== 0;
    return this.map(new Dma(caller, start, length, address, read, write));
  }

  /** Size of the struct, known flags, a size, and no wrap-around. */
  checkArguments(request: MapRequest): number {
    if (request.argsz < iommu_type1_dma_map.size || (request.flags & ~FLAGS) !== 0) return -ERRNO.EINVAL;
    if (request.size === 0n) return -ERRNO.EINVAL;
    if (wraps(request.iova, request.size) || wraps(request.vaddr, request.size)) return -ERRNO.EOVERFLOW;
    return 0;
  }

  /** A mapping is for reading, writing or both; an address update is for neither. */
  checkProtection(request: MapRequest): number {
    const protection = (request.flags & (DMA_MAP_FLAG.READ | DMA_MAP_FLAG.WRITE)) !== 0;
    const update = (request.flags & DMA_MAP_FLAG.VADDR) !== 0;
    return protection === update ? -ERRNO.EINVAL : 0;
  }

  checkAlignment(request: MapRequest): number {
    const unit = BigInt(this.state.pageSize) - 1n;
    return ((request.size | request.iova | request.vaddr) & unit) === 0n ? 0 : -ERRNO.EINVAL;
  }

  /** Makes the mapping, or answers an errno with nothing changed. */
  map(dma: Dma): number {
    const error = this.checkRange(dma.start, dma.length);
    if (error !== 0) return error;
    if (this.state.noMemory()) return -ERRNO.ENOMEM;
    this.state.mappings.add(dma);
    const failed = this.fill(dma);
    if (failed !== 0) this.pinning.remove(dma);
    return failed;
  }

  /** Free, an entry left, and reachable by every device of the container. */
  checkRange(start: number, length: number): number {
    if (this.state.mappings.find(start, length) !== undefined) return -ERRNO.EEXIST;
    if (this.state.mappings.available === 0) return -ERRNO.ENOSPC;
    if (!this.state.ranges.holds(start, length)) return -ERRNO.EINVAL;
    return 0;
  }

  /** Without an IOMMU the mapping is only recorded: emulated devices pin its pages as they need them. */
  private fill(dma: Dma): number {
    const error = this.state.domains.length > 0 ? this.pinning.pinAndMap(dma) : 0;
    return error !== 0 || !this.state.tracking ? error : this.dirty.allocate(dma);
  }

  private decode(): MapRequest {
    const view = this.view;
    return {
      argsz: view.getUint32(argsz, true),
      flags: view.getUint32(flags, true),
      vaddr: view.getBigUint64(vaddr, true),
      iova: view.getBigUint64(iova, true),
      size: view.getBigUint64(size, true),
    };
  }
}
