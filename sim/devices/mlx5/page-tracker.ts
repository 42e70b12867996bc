/**
 * A page tracker: remembers which pages of its ranges one VHCA wrote, and reports them as messages through a queue pair
 * into the PF driver's memory (include/linux/mlx5/mlx5_ifc.h: page_track; drivers/vfio/pci/mlx5/cmd.c reads them).
 */
import { bytesOf, zeroedView } from '../../bytes.ts';
import type { Vhca } from './vhca.ts';

export const TRACKER_STATE = { TRACKING: 0, REPORTING: 1, ERROR: 2 } as const;
/** A dirty entry: the page's address, high word first, big-endian. */
export const DIRTY_ENTRY = 8;

export interface TrackedRange {
  readonly start: number;
  readonly length: number;
}

/** A report under way. */
export interface Report {
  readonly pages: readonly number[];
  sent: number;
  attempts: number;
}

export class PageTracker {
  readonly number: number;
  readonly vhca: Vhca;
  readonly qpn: number;
  readonly logPage: number;
  readonly logMsg: number;
  readonly logAddrSpace: number;
  readonly ranges: readonly TrackedRange[];
  state: number = TRACKER_STATE.TRACKING;
  report: Report | undefined = undefined;
  private readonly dirty = new Set<number>();

  constructor(
    number: number,
    vhca: Vhca,
    qpn: number,
    log: { page: number; msg: number; addrSpace: number },
    ranges: readonly TrackedRange[],
  ) {
    this.number = number;
    this.vhca = vhca;
    this.qpn = qpn;
    this.logPage = log.page;
    this.logMsg = log.msg;
    this.logAddrSpace = log.addrSpace;
    this.ranges = ranges;
  }

  /** The VHCA wrote [iova, iova + length). */
  record(iova: number, length: number): void {
    const size = 2 ** this.logPage;
    for (const range of this.ranges) {
      const from = Math.max(iova, range.start);
      const to = Math.min(iova + length, range.start + range.length);
      if (from >= to) continue;
      for (let page = Math.floor(from / size); page * size < to; page++) this.dirty.add(page);
    }
  }

  /** Addresses of the dirty pages that touch the range, in order; they are clean from now on. */
  take(start: number, length: number): number[] {
    const size = 2 ** this.logPage;
    const found: number[] = [];
    for (const page of this.dirty)
      if ((page + 1) * size > start && page * size < start + length) {
        found.push(page * size);
        this.dirty.delete(page);
      }
    return found.sort((a, b) => a - b);
  }

  get dirtyPages(): number {
    return this.dirty.size;
  }

  /** The next message of the report, of `most` pages at most, and whether it is the last. A report of nothing is one empty message. */
  nextMessage(report: Report, most: number): { payload: Uint8Array; entries: number; last: boolean } {
    const entries = Math.min(most, 2 ** this.logMsg / DIRTY_ENTRY, report.pages.length - report.sent);
    const view = zeroedView(entries * DIRTY_ENTRY);
    for (let i = 0; i < entries; i++) {
      const address = report.pages[report.sent + i]!;
      view.setUint32(i * DIRTY_ENTRY, Math.floor(address / 2 ** 32));
      view.setUint32(i * DIRTY_ENTRY + 4, address >>> 0);
    }
    return { payload: bytesOf(view), entries, last: report.sent + entries === report.pages.length };
  }
}
