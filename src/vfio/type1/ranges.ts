/**
 * The IOVAs a container's devices can use (vfio_iommu.iova_list): sorted, disjoint, non-empty ranges [start, end).
 * An empty list means that no IOMMU limits anything, as in a container of emulated devices.
 */
export interface IovaRange {
  readonly start: number;
  readonly end: number;
}

/** One past the last IOVA there can be. */
export const IOVA_END = 2 ** 64;

export class IovaRanges {
  readonly list: readonly IovaRange[];

  constructor(list: readonly IovaRange[] = []) {
    this.list = list;
  }

  /** vfio_iommu_iova_dma_valid: inside one range, or nothing is limited. */
  holds(start: number, length: number): boolean {
    if (this.list.length === 0) return true;
    return this.list.some((range) => range.start <= start && start + length <= range.end);
  }

  /** vfio_iommu_aper_resize: what lies in the aperture too; an empty list becomes the aperture. */
  within(start: number, end: number): IovaRanges {
    if (this.list.length === 0) return new IovaRanges([{ start, end }]);
    const clipped = this.list.map((range) => ({ start: Math.max(range.start, start), end: Math.min(range.end, end) }));
    return new IovaRanges(clipped.filter(isRange));
  }

  /** vfio_iommu_resv_exclude: without [start, end). */
  without(start: number, end: number): IovaRanges {
    const cut = this.list.flatMap((range) => [
      { start: range.start, end: Math.min(range.end, start) },
      { start: Math.max(range.start, end), end: range.end },
    ]);
    return new IovaRanges(cut.filter(isRange));
  }
}

function isRange(range: IovaRange): boolean {
  return range.start < range.end;
}
