/** Dirty pages as the IOMMU sees them (hw_pagetable.c: iommufd_hwpt_set_dirty_tracking, _get_dirty_bitmap). */
import { ERRNO } from '../uapi/errno.ts';
import {
  DIRTY_BITMAP_FLAG,
  DIRTY_TRACKING_FLAG,
  iommu_hwpt_get_dirty_bitmap,
  iommu_hwpt_set_dirty_tracking,
} from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import type { Hwpt } from './hwpt.ts';
import { UserIovaBitmap } from './iova-bitmap.ts';
import { misaligned, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';

function hwptOf(context: Context, id: number): Hwpt | undefined {
  return context.objects.get(id, 'hwpt-paging') as Hwpt | undefined;
}

/** IOMMU_HWPT_SET_DIRTY_TRACKING: starting clears what was marked before. */
export function hwptSetDirtyTracking(cmd: Ucmd): number {
  const { at } = iommu_hwpt_set_dirty_tracking;
  const flags = cmd.u32(at.flags);
  if ((flags & ~DIRTY_TRACKING_FLAG.ENABLE) !== 0) return -ERRNO.EOPNOTSUPP;
  const hwpt = hwptOf(cmd.context, cmd.u32(at.hwpt_id));
  if (hwpt === undefined) return -ERRNO.ENOENT;
  if (!hwpt.options.dirtyTracking) return -ERRNO.EOPNOTSUPP;
  hwpt.domain.setTracking((flags & DIRTY_TRACKING_FLAG.ENABLE) !== 0);
  return 0;
}

/** IOMMU_HWPT_GET_DIRTY_BITMAP: sets bits only, and ends without an error at the first IOVA that is not mapped. */
export function hwptGetDirtyBitmap(cmd: Ucmd): number {
  const { at } = iommu_hwpt_get_dirty_bitmap;
  const flags = cmd.u32(at.flags);
  if ((flags & ~DIRTY_BITMAP_FLAG.NO_CLEAR) !== 0 || cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const hwpt = hwptOf(cmd.context, cmd.u32(at.hwpt_id));
  if (hwpt === undefined) return -ERRNO.ENOENT;
  const [iova, length, pageSize] = [cmd.u64(at.iova), cmd.u64(at.length), cmd.u64(at.page_size)];
  const error = checkRange(iova, length, pageSize, hwpt.ioas.table.alignment);
  if (error !== 0) return error;
  if (!hwpt.options.dirtyTracking) return -ERRNO.EOPNOTSUPP;
  // iova_bitmap_alloc
  if (cmd.context.noMemory() || cmd.context.noMemory()) return -ERRNO.ENOMEM;
  const bitmap = new UserIovaBitmap(cmd.caller.memory, Number(cmd.u64(at.data)), iova, length, pageSize);
  collect(hwpt, iova, iova + length - 1n, bitmap, (flags & DIRTY_BITMAP_FLAG.NO_CLEAR) === 0);
  return 0;
}

/** iommufd_check_iova_range: whole units of the IOAS, and by the mask of a page size that may be any number. */
function checkRange(iova: bigint, length: bigint, pageSize: bigint, alignment: bigint): number {
  if (length === 0n) return -ERRNO.EINVAL;
  if (iova + length - 1n > U64_MAX) return -ERRNO.EOVERFLOW;
  if (misaligned(iova, alignment) || misaligned(iova + length, alignment)) return -ERRNO.EINVAL;
  if (pageSize === 0n) return -ERRNO.EINVAL;
  return misaligned(iova, pageSize) || misaligned(iova + length, pageSize) ? -ERRNO.EINVAL : 0;
}

function collect(hwpt: Hwpt, iova: bigint, last: bigint, bitmap: UserIovaBitmap, clear: boolean): void {
  let next = iova;
  for (const area of hwpt.ioas.table.areas.within(iova, last)) {
    if (area.start > next) return;
    const end = area.last < last ? area.last : last;
    hwpt.domain.visitDirty(Number(next), Number(end - next) + 1, clear, (start, bytes) =>
      bitmap.set(BigInt(start), BigInt(bytes)),
    );
    next = end + 1n;
  }
}
