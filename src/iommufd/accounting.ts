/**
 * Who pays for pinned pages (pages.c: incr_user_locked_vm, update_mm_locked_vm): the user across all processes, the
 * process as type1 has it, or nobody. Chosen when memory is first mapped, and kept.
 */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';

/** IOMMU_OPTION_RLIMIT_MODE: per user (0) or per process (1). */
export type AccountMode = 'user' | 'mm';

/** One payer: charges pages of one mapping source. */
export class Account {
  private readonly mode: AccountMode | 'none';
  process: Process;
  private pages = 0;

  /** A process that may lock any amount of memory is charged nothing. */
  constructor(process: Process, mode: AccountMode) {
    this.process = process;
    this.mode = process.capabilities.has('CAP_IPC_LOCK') ? 'none' : mode;
  }

  /** 0, or ENOMEM where RLIMIT_MEMLOCK does not allow so many more. */
  charge(pages: number): number {
    const payer = this.payer(this.process);
    if (payer !== undefined) {
      if (payer.lockedPages + pages > limit(this.process)) return -ERRNO.ENOMEM;
      payer.lockedPages += pages;
    }
    this.process.pinnedPages += pages;
    this.pages += pages;
    return 0;
  }

  uncharge(pages: number): void {
    const payer = this.payer(this.process);
    if (payer !== undefined) payer.lockedPages -= pages;
    this.process.pinnedPages -= pages;
    this.pages -= pages;
  }

  /** IOMMU_IOAS_CHANGE_PROCESS: what is charged becomes `heir`'s; ENOMEM leaves it. */
  handOver(heir: Process): number {
    if (heir === this.process) return 0;
    const { pages, process } = this;
    const payer = this.payer(heir);
    if (payer !== undefined && payer !== this.payer(process)) {
      if (payer.lockedPages + pages > limit(heir)) return -ERRNO.ENOMEM;
      payer.lockedPages += pages;
      this.payer(process)!.lockedPages -= pages;
    }
    process.pinnedPages -= pages;
    heir.pinnedPages += pages;
    this.process = heir;
    return 0;
  }

  private payer(process: Process): { lockedPages: number } | undefined {
    if (this.mode === 'none') return undefined;
    return this.mode === 'user' ? process.user : process;
  }
}

function limit(process: Process): number {
  return Math.floor(process.memlockLimit / PAGE_SIZE);
}
