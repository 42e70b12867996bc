/**
 * Who pays for pinned pages (pages.c: incr_user_locked_vm, update_mm_locked_vm): the user across all processes, the
 * process as type1 has it, or nobody. Chosen when memory is first mapped, and kept.
 */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { AddressSpace } from '../kernel/address-space.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';

/** IOMMU_OPTION_RLIMIT_MODE: per user (0) or per process (1). */
export type AccountMode = 'user' | 'mm';

type ChargedMode = AccountMode | 'none';

/** Charges pages of one mapping source to whoever pays for them. */
export class Account {
  private readonly mode: ChargedMode;
  private process: Process;
  /** Whose pages are counted: the process may have another by now (iopt_pages.source_mm). */
  private mm: AddressSpace;
  private pages = 0;

  private constructor(process: Process, mode: ChargedMode) {
    this.process = process;
    this.mm = process.memory;
    this.mode = mode;
  }

  /** A process that may lock any amount of memory is charged nothing. */
  static of(process: Process, mode: AccountMode): Account {
    return new Account(process, process.capabilities.has('CAP_IPC_LOCK') ? 'none' : mode);
  }

  /** 0, or ENOMEM where RLIMIT_MEMLOCK does not allow so many more. */
  charge(pages: number): number {
    if (pages === 0) return 0;
    const payer = this.payer();
    if (payer !== undefined) {
      if (payer.lockedPages + pages > limit(this.process)) return -ERRNO.ENOMEM;
      payer.lockedPages += pages;
    }
    this.mm.pinnedPages += pages;
    this.pages += pages;
    return 0;
  }

  uncharge(pages: number): void {
    const payer = this.payer();
    if (payer !== undefined) payer.lockedPages -= pages;
    this.mm.pinnedPages -= pages;
    this.pages -= pages;
  }

  /**
   * IOMMU_IOAS_CHANGE_PROCESS: what is charged becomes `heir`'s; ENOMEM leaves everything as it is. The new payer is
   * charged before the old one is relieved, so that one user needs room for both (ioas.c: charge_current).
   */
  static handOver(accounts: readonly Account[], heir: Process): number {
    const moving = accounts.filter(({ mode, mm }) => mode !== 'none' && mm !== heir.memory);
    const charged: Account[] = [];
    for (const mode of ['user', 'mm'] as const) {
      const total = new Account(heir, mode);
      const error = total.charge(moving.reduce((sum, account) => sum + (account.mode === mode ? account.pages : 0), 0));
      if (error !== 0) {
        for (const undone of charged) undone.uncharge(undone.pages);
        return error;
      }
      charged.push(total);
    }
    for (const account of moving) account.inherit(heir);
    return 0;
  }

  /** `heir` has been charged: the old payer is relieved. */
  private inherit(heir: Process): void {
    const { pages } = this;
    this.uncharge(pages);
    this.process = heir;
    this.mm = heir.memory;
    this.pages = pages;
  }

  private payer(): { lockedPages: number } | undefined {
    if (this.mode === 'none') return undefined;
    return this.mode === 'user' ? this.process.user : this.mm;
  }
}

function limit(process: Process): number {
  return Math.floor(process.memlockLimit / PAGE_SIZE);
}
