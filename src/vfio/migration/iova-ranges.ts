/** Ranges of IOVAs to be tracked, sorted by start as in the kernel's interval tree. */
import type { LogRange } from './ops.ts';

/**
 * Inserts `range` where it belongs, or returns false if it touches one that is there. A range of length 0 ends before it
 * starts and touches only a range that has bytes on both sides of it; the kernel's interval tree admits it just so.
 */
export function insertRange(ranges: LogRange[], range: LogRange): boolean {
  // Ends are sorted too, so the first range that does not end before the new one starts decides.
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.last < range.start) low = middle + 1;
    else high = middle;
  }
  const next = ranges[low];
  if (next !== undefined && next.start <= range.last) return false;
  ranges.splice(low, 0, range);
  return true;
}

/**
 * vfio_combine_iova_ranges: as many ranges as a device can take. Neighbours with the smallest gap become one, the lowest
 * pair first among equals, so the gaps between are tracked as well. `ranges` is sorted; at least one range is left.
 */
export function vfio_combine_iova_ranges(ranges: readonly LogRange[], wanted: number): LogRange[] {
  const result = [...ranges];
  while (result.length > Math.max(wanted, 1)) {
    let closest = 1;
    for (let i = 2; i < result.length; i++) if (gapBefore(result, i) < gapBefore(result, closest)) closest = i;
    const [left, right] = [result[closest - 1]!, result[closest]!];
    result.splice(closest - 1, 2, { start: left.start, last: right.last });
  }
  return result;
}

function gapBefore(ranges: readonly LogRange[], index: number): bigint {
  return ranges[index]!.start - ranges[index - 1]!.last;
}
