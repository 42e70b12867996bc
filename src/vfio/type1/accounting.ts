/**
 * Pinned pages against RLIMIT_MEMLOCK (vfio_iommu_type1.c:mm_lock_acct, mm/util.c:__account_locked_vm). A page mapped
 * at two IOVAs is charged twice; pages of devices are not charged at all.
 */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { AddressSpace, PinnedRun } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Dma } from './dma.ts';

export class Accounting {
  /** Pages of `mm` that may still be pinned, by the limit of `process`. */
  room(process: Process, mm: AddressSpace): number {
    return Math.floor(process.memlockLimit / PAGE_SIZE) - mm.lockedPages;
  }

  /** Would `pages` more of `mm` exceed the limit of `process`? */
  exceeds(process: Process, mm: AddressSpace, pages: number, unlimited: boolean): boolean {
    return !unlimited && pages > this.room(process, mm);
  }

  /** Charges `pages` of `dma`; ENOMEM if its process may not have them. */
  charge(dma: Dma, pages: number): number {
    if (pages > 0 && this.exceeds(dma.process, dma.mm, pages, dma.unlimited)) return -ERRNO.ENOMEM;
    dma.mm.lockedPages += pages;
    dma.charged += pages;
    return 0;
  }

  uncharge(dma: Dma, pages: number): void {
    dma.mm.lockedPages -= pages;
    dma.charged -= pages;
  }

  /** What pinning `runs` costs: pages that an emulated device pinned before are paid for. */
  cost(dma: Dma, runs: readonly PinnedRun[]): number {
    let pages = 0;
    for (const run of runs) if (run.charged) pages += run.length / PAGE_SIZE;
    return pages - this.pinnedCost(dma);
  }

  /** What the pages cost that emulated devices pinned. */
  pinnedCost(dma: Dma): number {
    let pages = 0;
    for (const page of dma.pinned.values()) if (page.charged) pages++;
    return pages;
  }

  /** vfio_change_dma_owner: the pages of `dma` become `heir`'s; ENOMEM leaves them where they are. */
  handOver(dma: Dma, heir: Process): number {
    const mm = heir.memory;
    if (dma.mm === mm) return 0;
    const unlimited = heir.capabilities.has('CAP_IPC_LOCK');
    if (dma.charged > 0 && this.exceeds(heir, mm, dma.charged, unlimited)) return -ERRNO.ENOMEM;
    mm.lockedPages += dma.charged;
    dma.mm.lockedPages -= dma.charged;
    dma.process = heir;
    dma.mm = mm;
    dma.unlimited = unlimited;
    return 0;
  }
}
