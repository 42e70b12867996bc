/** One mapping of a container (struct vfio_dma): a range of IOVAs, and the memory of a process behind it. */
import type { Interval } from '../../../sim/intervals.ts';
import type { AddressSpace, PinnedRun } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import type { DirtyBitmap } from './dirty-bitmap.ts';

/** A page that an emulated device pinned by itself (struct vfio_pfn). */
export interface PinnedPage {
  readonly physical: number;
  users: number;
  /** Counts against the limit, as memory does and pages of devices do not. */
  readonly charged: boolean;
}

/**
 * Addresses and lengths are multiples of the page size, so they are exact as numbers up to 2^64: a mapping of a
 * container without an IOMMU may lie that high.
 */
export class Dma implements Interval {
  readonly start: number;
  readonly length: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Address of the memory in {@link mm}; UPDATE_VADDR replaces both. */
  vaddr: number;
  /** Whose limit applies (vfio_dma.task). */
  process: Process;
  /** Whose memory it is, and who pays for the pinned pages: the task may have another by now (vfio_dma.mm). */
  mm: AddressSpace;
  /** CAP_IPC_LOCK was held when the mapping was made: no limit applies to it. */
  unlimited: boolean;
  /** UNMAP_DMA with VADDR took the address away; the IOMMU goes on translating. */
  vaddrInvalid = false;
  /** Pinned, and in the page table of every domain. */
  mapped = false;
  /** What is pinned, run by run. */
  runs: readonly PinnedRun[] = [];
  /** Pages charged to {@link mm} (vfio_dma.locked_vm): all of the mapping's, or if unmapped those in {@link pinned}. */
  charged = 0;
  /** Pages that emulated devices pinned, by IOVA. */
  readonly pinned = new Map<number, PinnedPage>();
  /** Present while dirty tracking is on. */
  dirty: DirtyBitmap | undefined;

  constructor(process: Process, start: number, length: number, vaddr: number, read: boolean, write: boolean) {
    this.process = process;
    this.mm = process.memory;
    this.unlimited = process.capabilities.has('CAP_IPC_LOCK');
    this.start = start;
    this.length = length;
    this.vaddr = vaddr;
    this.read = read;
    this.write = write;
  }
}
