/** VFIO_IOMMU_UNMAP_DMA (vfio_iommu_type1_unmap_dma, vfio_dma_do_unmap). */

import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import { Oops } from '../../kernel/oops.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { bitmap as bitmap_struct, DMA_UNMAP_FLAG, iommu_type1_dma_unmap } from '../../uapi/vfio.ts';
import type { BitmapRequest, DirtyPages } from './dirty.ts';
import type { Dma } from './dma.ts';
import type { Pinning } from './pinning.ts';
import { IOVA_END } from './ranges.ts';
import type { Type1State } from './state.ts';
import { wraps } from './u64.ts';
import type { VaddrUpdate } from './vaddr.ts';

const { GET_DIRTY_BITMAP, ALL, VADDR } = DMA_UNMAP_FLAG;
const at = iommu_type1_dma_unmap.at;
/** After that many calls of dma_unmap the kernel takes the driver's refusal to unpin for a bug, and stops (BUG_ON). */
const NOTIFY_LIMIT = 10;

/** struct vfio_iommu_type1_dma_unmap as the user wrote it. */
export interface UnmapRequest {
  readonly argsz: number;
  readonly flags: number;
  readonly iova: bigint;
  readonly size: bigint;
}

export class UnmapDma {
  private readonly state: Type1State;
  private readonly pinning: Pinning;
  private readonly dirty: DirtyPages;
  private readonly vaddrs: VaddrUpdate;
  private readonly bytes = zeroedBytes(iommu_type1_dma_unmap.size);
  private readonly view = viewOf(this.bytes);

  constructor(state: Type1State, pinning: Pinning, dirty: DirtyPages, vaddrs: VaddrUpdate) {
    this.state = state;
    this.pinning = pinning;
    this.dirty = dirty;
    this.vaddrs = vaddrs;
  }

  /** An error leaves the user's size as it was, even if mappings have gone. */
  ioctl(caller: Process, argument: number): number {
    if (!caller.copyFromUserInto(argument, this.bytes)) return -ERRNO.EFAULT;
    const request = this.decode();
    const error = this.checkFlags(request);
    if (error !== 0) return error;
    let bitmap: BitmapRequest | undefined;
    if (request.flags & GET_DIRTY_BITMAP) {
      const given = this.readBitmap(caller, argument, request);
      if (typeof given === 'number') return given;
      bitmap = given;
    }
    const bytes = this.unmap(request, bitmap, caller);
    if (bytes < 0) return bytes;
    this.view.setBigUint64(at.size, BigInt(bytes), true);
    return caller.copyToUser(argument, this.bytes) ? 0 : -ERRNO.EFAULT;
  }

  checkFlags({ argsz, flags }: UnmapRequest): number {
    if (argsz < iommu_type1_dma_unmap.size || (flags & ~(GET_DIRTY_BITMAP | ALL | VADDR)) !== 0) return -ERRNO.EINVAL;
    return flags & GET_DIRTY_BITMAP && flags & (ALL | VADDR) ? -ERRNO.EINVAL : 0;
  }

  /** vfio_dma_do_unmap: the bytes unmapped, or a negated errno. */
  unmap(request: UnmapRequest, bitmap: BitmapRequest | undefined, caller: Process): number {
    if (request.flags & VADDR && this.state.emulated.size > 0) return -ERRNO.EBUSY;
    const error = this.checkRange(request);
    if (error !== 0) return error;
    if (bitmap !== undefined && !this.dirty.reports(bitmap.pageSize)) return -ERRNO.EINVAL;
    const all = (request.flags & ALL) !== 0;
    const start = Number(request.iova);
    const end = all ? IOVA_END : start + Number(request.size);
    const whole = this.state.v2 && !all;
    if (request.flags & VADDR)
      return whole && this.bisects(start, end) ? -ERRNO.EINVAL : this.vaddrs.invalidate(start, end);
    return this.remove(start, end, whole, bitmap, caller);
  }

  /** Aligned and not empty; with ALL both numbers are 0. */
  checkRange({ flags, iova, size }: UnmapRequest): number {
    const unit = BigInt(this.state.pageSize) - 1n;
    if ((iova & unit) !== 0n) return -ERRNO.EINVAL;
    if (flags & ALL) return iova === 0n && size === 0n ? 0 : -ERRNO.EINVAL;
    if (size === 0n || (size & unit) !== 0n) return -ERRNO.EINVAL;
    return wraps(iova, size) ? -ERRNO.EOVERFLOW : 0;
  }

  /** v2 takes mappings whole: a request that would cut one is refused before anything is unmapped. */
  bisects(start: number, end: number): boolean {
    return this.state.mappings.bisected(start, end);
  }

  /** Removes the mappings in [start, end); pinned ones are asked for first, and then everything is looked at again. */
  private remove(
    start: number,
    end: number,
    whole: boolean,
    bitmap: BitmapRequest | undefined,
    caller: Process,
  ): number {
    let bytes = 0;
    let asked: Dma | undefined;
    let times = 0;
    for (;;) {
      if (whole && this.bisects(start, end)) return -ERRNO.EINVAL;
      const touched = this.state.mappings.between(start, end);
      let done = 0;
      let error = 0;
      let pinned: Dma | undefined;
      for (const dma of touched) {
        // v1: a request that starts inside a mapping unmaps nothing of it, and nothing behind it.
        if (!this.state.v2 && start > dma.start) break;
        if (dma.pinned.size > 0) pinned = dma;
        else if (bitmap !== undefined) error = this.dirty.report(dma, start, bitmap.address, caller);
        if (pinned !== undefined || error !== 0) break;
        bytes += dma.length;
        done++;
      }
      // From the highest down, so that sorted lists move little.
      while (done > 0) this.pinning.remove(touched[--done]!);
      if (pinned === undefined) return error === 0 ? bytes : error;
      times = pinned === asked ? times + 1 : 0;
      if (times > NOTIFY_LIMIT) throw new Oops(`dma_unmap leaves 0x${pinned.start.toString(16)} pinned: kernel BUG`);
      asked = pinned;
      this.notify(pinned);
    }
  }

  /** vfio_notify_dma_unmap: devices that pin pages themselves give those of `dma` back. */
  private notify(dma: Dma): void {
    for (const device of this.state.devices) device.ops.dma_unmap?.(device.data, dma.start, dma.length);
  }

  private readBitmap(caller: Process, argument: number, { argsz, size }: UnmapRequest): BitmapRequest | number {
    if (argsz < iommu_type1_dma_unmap.size + bitmap_struct.size) return -ERRNO.EINVAL;
    const bytes = caller.copyFromUser(argument + iommu_type1_dma_unmap.size, bitmap_struct.size);
    if (bytes === undefined) return -ERRNO.EFAULT;
    return this.dirty.checkBitmap(viewOf(bytes), 0, size);
  }

  private decode(): UnmapRequest {
    return {
      argsz: this.view.getUint32(at.argsz, true),
      flags: this.view.getUint32(at.flags, true),
      iova: this.view.getBigUint64(at.iova, true),
      size: this.view.getBigUint64(at.size, true),
    };
  }
}
