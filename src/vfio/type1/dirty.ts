/**
 * Dirty pages of a container: VFIO_IOMMU_DIRTY_PAGES, and the bitmap of UNMAP_DMA. The IOMMU reports nothing here: a
 * group that can write any mapped page makes all of them dirty, always; groups that only pin pages narrow it down.
 */
import { deref } from '../../../sim/oops.ts';
import { viewOf } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import {
  bitmap as bitmap_struct,
  DIRTY_PAGES_FLAG,
  iommu_type1_dirty_bitmap,
  iommu_type1_dirty_bitmap_get,
} from '../../uapi/vfio.ts';
import { bitmapBytes, DirtyBitmap } from './dirty-bitmap.ts';
import type { Dma } from './dma.ts';
import type { Type1State } from './state.ts';
import { isUserRange, wraps } from './u64.ts';

const { START, STOP, GET_BITMAP } = DIRTY_PAGES_FLAG;
/** DIRTY_BITMAP_PAGES_MAX: what bitmap functions with int arguments can count. */
const PAGES_MAX = 0x7fff_ffff;
/** DIRTY_BITMAP_SIZE_MAX: bytes of the bitmap of that many pages. */
export const BITMAP_SIZE_MAX = 0x1000_0000;
const header = iommu_type1_dirty_bitmap;
const range = iommu_type1_dirty_bitmap_get;
/** Where struct vfio_bitmap stands in struct vfio_iommu_type1_dirty_bitmap_get. */
const BITMAP_IN_RANGE = range.at.bitmap;

/** struct vfio_bitmap, checked: the user's bitmap is at `address`, one bit for `pageSize` bytes. */
export interface BitmapRequest {
  readonly pageSize: bigint;
  readonly address: number;
}

export class DirtyPages {
  /** Bytes of kernel memory that bitmaps take. */
  bytes = 0;
  private readonly state: Type1State;

  constructor(state: Type1State) {
    this.state = state;
  }

  ioctl(caller: Process, argument: number): number {
    if (!this.state.v2) return -ERRNO.EACCES;
    const bytes = caller.copyFromUser(argument, header.size);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const view = viewOf(bytes);
    const argsz = view.getUint32(header.at.argsz, true);
    if (argsz < header.size) return -ERRNO.EINVAL;
    const flags = view.getUint32(header.at.flags, true);
    if (flags === START) return this.start();
    if (flags === STOP) return this.stop();
    if (flags === GET_BITMAP) return this.getBitmap(caller, argument + header.size, argsz - header.size);
    return -ERRNO.EINVAL;
  }

  /** Starts tracking with what is pinned now; already on: nothing happens. */
  start(): number {
    if (this.state.tracking) return 0;
    const { all } = this.state.mappings;
    for (const dma of all) {
      const error = this.allocate(dma);
      if (error === 0) continue;
      this.unwind(all, dma);
      return error;
    }
    this.state.tracking = true;
    return 0;
  }

  stop(): number {
    this.state.tracking = false;
    for (const dma of this.state.mappings.all) this.free(dma);
    return 0;
  }

  /** vfio_dma_bitmap_alloc: a clean bitmap but for pinned pages; EINVAL if the mapping has too many pages. */
  allocate(dma: Dma): number {
    const pages = dma.length / this.state.pageSize;
    if (pages > PAGES_MAX) return -ERRNO.EINVAL;
    if (this.state.noMemory()) return -ERRNO.ENOMEM;
    dma.dirty = new DirtyBitmap(pages);
    this.bytes += bitmapBytes(pages);
    this.seed(dma);
    return 0;
  }

  /** vfio_dma_bitmap_free. */
  free(dma: Dma): void {
    if (dma.dirty === undefined) return;
    this.bytes -= bitmapBytes(dma.dirty.pages);
    dma.dirty = undefined;
  }

  /** There was no bitmap for `failed`: those of the mappings before it go again (vfio_dma_bitmap_alloc_all). */
  unwind(all: readonly Dma[], failed: Dma): void {
    for (const dma of all) {
      if (dma === failed) return;
      this.free(dma);
    }
  }

  /** Marks pages of [iova, iova + length), which lie in `dma`; an emulated device wrote there. */
  mark(dma: Dma, iova: number, length: number): void {
    const first = Math.floor((iova - dma.start) / this.state.pageSize);
    const last = Math.floor((iova + length - 1 - dma.start) / this.state.pageSize);
    dma.dirty?.mark(first, last - first + 1);
  }

  /** vfio_iommu_populate_bitmap_full: what a group wrote that has just left is not known, so it wrote everything. */
  markEverything(): void {
    for (const dma of this.state.mappings.all) dma.dirty?.markAll();
  }

  /** May UNMAP_DMA ask for dirty bits of this page size? */
  reports(pageSize: bigint): boolean {
    return this.state.tracking && this.isPageSize(pageSize);
  }

  /** Only the smallest page size can be asked for, as GET_INFO says. */
  isPageSize(pageSize: bigint): boolean {
    return pageSize === BigInt(this.state.pageSize);
  }

  /** struct vfio_bitmap at `offset` of `view`, for a range of `size` bytes (verify_bitmap_size). */
  checkBitmap(view: DataView, offset: number, size: bigint): BitmapRequest | number {
    const pageSize = view.getBigUint64(offset + bitmap_struct.at.pgsize, true);
    const bytes = view.getBigUint64(offset + bitmap_struct.at.size, true);
    const data = view.getBigUint64(offset + bitmap_struct.at.data, true);
    if (!isUserRange(data, bytes)) return -ERRNO.EINVAL;
    const lowestBit = pageSize & -pageSize;
    const pages = Number(lowestBit === 0n ? size : size / lowestBit);
    if (pages === 0 || bytes === 0n || bytes > BITMAP_SIZE_MAX || bytes < bitmapBytes(pages)) return -ERRNO.EINVAL;
    return { pageSize, address: Number(data) };
  }

  /** update_user_bitmap: the bits of `dma` into the bitmap at `address`, whose first bit is the page at `base`. */
  report(dma: Dma, base: number, address: number, caller: Process): number {
    const bits = deref(dma.dirty, 'dma->bitmap');
    if (dma.mapped && this.state.unscoped.size > 0) bits.markAll();
    const first = (dma.start - base) / this.state.pageSize;
    const shift = first % 64;
    const target = address + ((first - shift) / 64) * 8;
    if (shift > 0) {
      bits.shift(shift);
      const before = caller.copyFromUser(target, 8);
      if (before === undefined) return -ERRNO.EFAULT;
      bits.merge(viewOf(before).getBigUint64(0, true));
    }
    const copied = bits.copyOut(shift, (offset, bytes) => caller.copyToUser(target + offset, bytes));
    return copied ? 0 : -ERRNO.EFAULT;
  }

  private getBitmap(caller: Process, argument: number, length: number): number {
    if (length < range.size) return -ERRNO.EINVAL;
    const bytes = caller.copyFromUser(argument, range.size);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const view = viewOf(bytes);
    const iova = view.getBigUint64(range.at.iova, true);
    const size = view.getBigUint64(range.at.size, true);
    if (size === 0n) return -ERRNO.EINVAL;
    if (wraps(iova, size)) return -ERRNO.EOVERFLOW;
    const bitmap = this.checkBitmap(view, BITMAP_IN_RANGE, size);
    if (typeof bitmap === 'number') return bitmap;
    const unit = BigInt(this.state.pageSize) - 1n;
    if (!this.isPageSize(bitmap.pageSize) || ((iova | size) & unit) !== 0n) return -ERRNO.EINVAL;
    if (!this.state.tracking) return -ERRNO.EINVAL;
    return this.reportAndClear(Number(iova), Number(size), bitmap.address, caller);
  }

  /** vfio_iova_dirty_bitmap: every mapping of the range, whole; reported pages are clean unless they are still pinned. */
  private reportAndClear(start: number, length: number, address: number, caller: Process): number {
    const { mappings } = this.state;
    if (mappings.bisected(start, start + length)) return -ERRNO.EINVAL;
    for (const dma of mappings.between(start, start + length)) {
      const error = this.report(dma, start, address, caller);
      if (error !== 0) return error;
      dma.dirty!.clearPages();
      this.seed(dma);
    }
    return 0;
  }

  /** vfio_dma_populate_bitmap: pinned pages may be written at any time. */
  private seed(dma: Dma): void {
    for (const iova of dma.pinned.keys()) this.mark(dma, iova, 1);
  }
}
