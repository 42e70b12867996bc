/**
 * Pinned pages against RLIMIT_MEMLOCK (vfio_iommu_type1.c:mm_lock_acct, mm/util.c:__account_locked_vm). A page mapped
 * at two IOVAs is charged twice; pages of devices are not charged at all.
 */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { PinnedRun } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Dma } from './dma.ts';

export class Accounting {
  /** Pages `process` may still pin. */
  room(process: Process): number {
    return Math.floor(process.memlockLimit / PAGE_SIZE) - process.lockedPages;
  }

  /** Would `pages` more exceed the limit of `process`? */
  exceeds(process: Process, pages: number, unlimited: boolean): boolean {
    return !unlimited && pages > this.room(process);
  }

  /** Charges `pages` of `dma`; ENOMEM if its process may not have them. */
  charge(dma: Dma, pages: number): number {
    if (pages > 0 && this.exceeds(dma.process, pages, dma.unlimited)) return -ERRNO.ENOMEM;
    dma.process.lockedPages += pages;
    dma.charged += pages;
    return 0;
  }

  uncharge(dma: Dma, pages: number): void {
    dma.process.lockedPages -= pages;
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
    if (dma.process === heir) return 0;
    const unlimited = heir.capabilities.has('CAP_IPC_LOCK');
    if (dma.charged > 0 && this.exceeds(heir, dma.charged, unlimited)) return -ERRNO.ENOMEM;
    heir.lockedPages += dma.charged;
    dma.process.lockedPages -= dma.charged;
    dma.process = heir;
    dma.unlimited = unlimited;
    return 0;
  }
}
