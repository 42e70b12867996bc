/** DMA_LOGGING_START, STOP and REPORT: the checks before a driver's tracker is asked (vfio_main.c). */

import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { UserIovaBitmap } from '../../iommufd/iova-bitmap.ts';
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import {
  device_feature_dma_logging_control,
  device_feature_dma_logging_range,
  device_feature_dma_logging_report,
} from '../../uapi/vfio.ts';
import type { VfioDevice } from '../device.ts';
import { insertRange } from './iova-ranges.ts';
import type { LogRange } from './ops.ts';

const CONTROL = device_feature_dma_logging_control;
const RANGE = device_feature_dma_logging_range;
const REPORT = device_feature_dma_logging_report;

/** LOG_MAX_RANGES: as many as fit a page. */
const MAX_RANGES = PAGE_SIZE / RANGE.size;
/** The smallest page size REPORT accepts (SZ_4K), in bytes. */
const MIN_REPORT_PAGE = 0x1000n;
const U64_END = 2n ** 64n;

/**
 * vfio_ioctl_device_feature_logging_start. The core keeps no state of its own: a second START is the driver's to refuse.
 * The page size is not checked either; 0 admits only ranges of zeros. The driver's page size goes back to the user, and
 * if that faults tracking stops again.
 */
export function* loggingStart(device: VfioDevice, caller: Process, _flags: number, argument: number): Task<number> {
  const bytes = caller.copyFromUser(argument, CONTROL.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const control = viewOf(bytes);
  const count = control.getUint32(CONTROL.at.num_ranges, true);
  if (count === 0) return -ERRNO.EINVAL;
  if (count > MAX_RANGES) return -ERRNO.E2BIG;
  const pageSize = control.getBigUint64(CONTROL.at.page_size, true);
  // The nodes of the interval tree.
  if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const ranges = readRanges(caller, Number(control.getBigUint64(CONTROL.at.ranges, true)), count, pageSize);
  if (typeof ranges === 'number') return ranges;

  const logOps = device.logOps!;
  const used = yield* logOps.log_start(device.data, ranges, pageSize);
  if (typeof used === 'number') return used;
  control.setBigUint64(CONTROL.at.page_size, used, true);
  if (caller.copyToUser(argument, bytes)) return 0;
  yield* logOps.log_stop(device.data);
  return -ERRNO.EFAULT;
}

/** Copies and checks one range after the other, in the user's order; the result is sorted. */
function readRanges(caller: Process, address: number, count: number, pageSize: bigint): LogRange[] | number {
  const ranges: LogRange[] = [];
  const bytes = zeroedBytes(RANGE.size);
  const view = viewOf(bytes);
  const offsetMask = BigInt.asUintN(64, pageSize - 1n);
  for (let i = 0; i < count; i++) {
    if (!caller.copyFromUserInto(address + i * RANGE.size, bytes)) return -ERRNO.EFAULT;
    const iova = view.getBigUint64(RANGE.at.iova, true);
    const length = view.getBigUint64(RANGE.at.length, true);
    if (((iova | length) & offsetMask) !== 0n) return -ERRNO.EINVAL;
    if (iova + length >= U64_END) return -ERRNO.EOVERFLOW;
    // Length 0 is admitted, and ends one byte before it starts: at iova 0 that is the whole address space.
    const last = BigInt.asUintN(64, iova + length - 1n);
    if (!insertRange(ranges, { start: iova, last })) return -ERRNO.EINVAL;
  }
  return ranges;
}

/** vfio_ioctl_device_feature_logging_stop. */
export function loggingStop(device: VfioDevice): Task<number> {
  return device.logOps!.log_stop(device.data);
}

/** vfio_ioctl_device_feature_logging_report: the driver is asked once for the whole range, into the user's bitmap. */
export function* loggingReport(device: VfioDevice, caller: Process, _flags: number, argument: number): Task<number> {
  const bytes = caller.copyFromUser(argument, REPORT.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const report = viewOf(bytes);
  const pageSize = report.getBigUint64(REPORT.at.page_size, true);
  if (pageSize < MIN_REPORT_PAGE || (pageSize & (pageSize - 1n)) !== 0n) return -ERRNO.EINVAL;
  const iova = report.getBigUint64(REPORT.at.iova, true);
  const length = report.getBigUint64(REPORT.at.length, true);
  if (iova + length >= U64_END) return -ERRNO.EOVERFLOW;
  const address = Number(report.getBigUint64(REPORT.at.bitmap, true));
  // iova_bitmap_alloc: itself, and the array of its pages.
  if (caller.faults.allocation.fails() || caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const dirty = new UserIovaBitmap(caller.memory, address, iova, length, pageSize);
  return yield* device.logOps!.log_read_and_clear(device.data, iova, length, dirty);
}
