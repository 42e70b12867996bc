/** The mappings of a container: disjoint, at most dma_entry_limit of them, some of them without a valid address. */
import { Intervals } from '../../../sim/intervals.ts';
import type { Dma } from './dma.ts';

export class Mappings {
  private readonly intervals = new Intervals<Dma>();
  /** How many more may be made (vfio_iommu.dma_avail). */
  available: number;
  /** How many wait for a new address (vfio_iommu.vaddr_invalid_count). */
  invalid = 0;

  constructor(limit: number) {
    this.available = limit;
  }

  /** All mappings, lowest first; a list to be walked, not to be indexed again and again. */
  get all(): readonly Dma[] {
    return this.intervals.items;
  }

  /** The lowest mapping that touches [start, start + length) (vfio_find_dma). */
  find(start: number, length: number): Dma | undefined {
    const dma = this.intervals.from(start);
    return dma !== undefined && dma.start < start + length ? dma : undefined;
  }

  /** The mappings that touch [start, end), lowest first (vfio_find_dma_first_node and on from there). */
  between(start: number, end: number): Dma[] {
    return this.intervals.within(start, end - start);
  }

  /** Would [start, end) cut a mapping in two? */
  bisected(start: number, end: number): boolean {
    const first = this.intervals.at(start);
    if (first !== undefined && first.start !== start) return true;
    const next = this.intervals.at(end);
    return next !== undefined && next.start !== end;
  }

  /** Takes one of the available entries; the caller has checked that the range is free. */
  add(dma: Dma): void {
    this.intervals.insert(dma);
    this.available--;
  }

  /** vfio_remove_dma, the book-keeping part. */
  remove(dma: Dma): void {
    this.intervals.remove(dma);
    this.available++;
    if (dma.vaddrInvalid) this.invalid--;
  }
}
