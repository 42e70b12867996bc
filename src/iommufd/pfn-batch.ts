/** Pages on their way into a page table, some runs at a time (pages.c: struct pfn_batch). */
import type { PinnedRun } from '../kernel/address-space.ts';

/** Runs that one batch takes. The kernel's are larger; what happens at their borders is the same. */
export const BATCH_RUNS = 4;

export class PfnBatch {
  /** In order: the first continues where the last batch ended. */
  readonly runs: PinnedRun[] = [];

  /** Adds a run: to the last one if it continues that; false if there is no room, and the batch must be emptied first. */
  add(run: PinnedRun): boolean {
    const last = this.runs.at(-1);
    if (last !== undefined && last.physical + last.length === run.physical && last.charged === run.charged)
      this.runs[this.runs.length - 1] = { ...last, length: last.length + run.length };
    else if (this.runs.length < BATCH_RUNS) this.runs.push(run);
    else return false;
    return true;
  }

  /** The batch has been used: what did not fit is the first of the next (batch_clear_carry). */
  carry(rest: PinnedRun): void {
    this.runs.length = 0;
    this.runs.push(rest);
  }
}
