/**
 * The memory behind one or more mappings (pages.c: struct iopt_pages). Copies of a mapping share it, so a page is pinned
 * and paid for once however many page tables and kernel users hold it; whoever comes later gets the pages that the
 * earlier ones hold, even if the process has meanwhile mapped something else there.
 */

import { PAGE_SIZE } from '../../sim/memory.ts';
import type { PinnedRun } from '../kernel/address-space.ts';
import { FaultInjection } from '../kernel/fault-injection.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Account } from './accounting.ts';
import type { Area } from './area.ts';
import type { PageSource } from './page-source.ts';

/** Pages `first` to `last`, held by a page table or a kernel user. */
export interface Hold {
  readonly first: number;
  readonly last: number;
  /** Nothing, if the memory was taken away. */
  runs: readonly PinnedRun[];
}

/** An I/O page table, as far as its areas' pages know it. */
export interface AreaTable {
  revoke(area: Area): void;
}

export class Pages {
  readonly source: PageSource;
  readonly writable: boolean;
  /** Address or file offset of the first page: what automatic placement tries to stay aligned with. */
  readonly origin: bigint;
  readonly account: Account;
  private readonly holds = new Set<Hold>();
  /** Who maps them, in which I/O page table. */
  private readonly areas = new Map<Area, AreaTable>();
  private revoked = false;
  private readonly faults: FaultInjection;

  constructor(
    source: PageSource,
    origin: bigint,
    writable: boolean,
    account: Account,
    faults: FaultInjection = new FaultInjection(),
  ) {
    this.source = source;
    this.origin = origin;
    this.writable = writable;
    this.account = account;
    this.faults = faults;
  }

  /** `area` maps them from now on. */
  join(area: Area, table: AreaTable): void {
    if (this.areas.size === 0) this.source.open?.(() => this.revoke());
    this.areas.set(area, table);
  }

  /** `area` maps them no more; with the last area the source is let go (iopt_release_pages). */
  leave(area: Area): void {
    if (this.areas.delete(area) && this.areas.size === 0) this.source.close?.();
  }

  /** Pins pages `first` to `last`; a negated errno leaves nothing pinned. */
  pin(first: number, last: number): Hold | number {
    const runs: PinnedRun[] = [];
    if (this.revoked) return this.held({ first, last, runs });
    // pfn_reader_user_init and pages_to_xarray: the pages that are pinned at a time, and where their numbers are kept.
    const { allocation } = this.faults;
    if (this.source.kind !== 'dma-buf' && (allocation.fails() || allocation.fails())) return -ERRNO.ENOMEM;
    let fresh = 0;
    for (let page = first; page <= last; ) {
      const known = this.holding(page);
      const end = Math.min(last, known?.last ?? this.nextHeld(page, last) - 1);
      if (known !== undefined) runs.push(...slice(known, page, end));
      else {
        const pinned = this.source.pin(page * PAGE_SIZE, (end - page + 1) * PAGE_SIZE, this.writable);
        if (typeof pinned === 'number') return pinned;
        runs.push(...pinned);
        fresh += end - page + 1;
      }
      page = end + 1;
    }
    const error = this.source.kind === 'dma-buf' ? 0 : this.account.charge(fresh);
    if (error !== 0) return error;
    for (const run of runs) this.source.keep(run);
    return this.held({ first, last, runs });
  }

  unpin(hold: Hold): void {
    this.holds.delete(hold);
    for (const run of hold.runs) this.source.release(run);
    if (this.source.kind === 'dma-buf') return;
    let freed = 0;
    for (let page = hold.first; page <= hold.last; ) {
      const other = this.holding(page);
      const end = Math.min(hold.last, other?.last ?? this.nextHeld(page, hold.last) - 1);
      if (other === undefined) freed += end - page + 1;
      page = end + 1;
    }
    this.account.uncharge(freed);
  }

  /** A mapping was cut in two behind page `at`: so is what holds its pages. */
  split(hold: Hold, at: number): [Hold, Hold] {
    const lower = { first: hold.first, last: at, runs: slice(hold, hold.first, at) };
    const upper = { first: at + 1, last: hold.last, runs: slice(hold, at + 1, hold.last) };
    for (const part of [lower, upper]) {
      for (const run of part.runs) this.source.keep(run);
      this.holds.add(part);
    }
    for (const run of hold.runs) this.source.release(run);
    this.holds.delete(hold);
    return [lower, upper];
  }

  private held(hold: Hold): Hold {
    this.holds.add(hold);
    return hold;
  }

  /**
   * The exporter takes the memory away: it goes from every page table, and does not come back to these mappings even if
   * the exporter has it again (iopt_revoke_notify).
   */
  private revoke(): void {
    this.revoked = true;
    for (const hold of this.holds) hold.runs = [];
    for (const [area, table] of this.areas) table.revoke(area);
  }

  private holding(page: number): Hold | undefined {
    for (const hold of this.holds) if (hold.first <= page && page <= hold.last) return hold;
    return undefined;
  }

  /** The first page behind `page` that somebody holds, or one behind `last`. */
  private nextHeld(page: number, last: number): number {
    let next = last + 1;
    for (const { first } of this.holds) if (first > page && first < next) next = first;
    return next;
  }
}

/** The runs of pages `first` to `last` of a hold. */
function slice(hold: Hold, first: number, last: number): PinnedRun[] {
  const [from, to] = [(first - hold.first) * PAGE_SIZE, (last + 1 - hold.first) * PAGE_SIZE];
  const runs: PinnedRun[] = [];
  let at = 0;
  for (const { physical, length, charged } of hold.runs) {
    const start = Math.max(from, at);
    const end = Math.min(to, at + length);
    if (start < end) runs.push({ physical: physical + start - at, length: end - start, charged });
    at += length;
  }
  return runs;
}
