/** From a mapping to the page tables: pins the memory, pays for it, and maps its physical runs in every domain. */
import type { Domain } from '../../../sim/iommu/domain.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { PinnedRun } from '../../kernel/address-space.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Accounting } from './accounting.ts';
import type { DirtyPages } from './dirty.ts';
import type { Dma } from './dma.ts';
import type { Type1Domain, Type1State } from './state.ts';

export class Pinning {
  private readonly state: Type1State;
  private readonly accounting: Accounting;
  private readonly dirty: DirtyPages;

  constructor(state: Type1State, accounting: Accounting, dirty: DirtyPages) {
    this.state = state;
    this.accounting = accounting;
    this.dirty = dirty;
  }

  /** vfio_pin_map_dma: 0, or EFAULT or ENOMEM with nothing pinned and nothing mapped. */
  pinAndMap(dma: Dma): number {
    const runs = this.pin(dma);
    if (typeof runs === 'number') return runs;
    for (const [index, { domain }] of this.state.domains.entries()) {
      if (this.mapRuns(domain, dma, runs)) continue;
      for (const { domain: mapped } of this.state.domains.slice(0, index)) mapped.unmap(dma.start, dma.length);
      this.unpin(dma);
      return -ERRNO.ENOMEM;
    }
    dma.mapped = true;
    return 0;
  }

  /** vfio_pin_pages_remote over the whole mapping: its physical runs, charged. */
  pin(dma: Dma): PinnedRun[] | number {
    // Pages that are not there yet are made by the fault that pinning takes.
    if (this.state.noMemory()) return -ERRNO.ENOMEM;
    const runs = dma.mm.pin(dma.vaddr, dma.length, dma.write);
    if (runs === undefined) return this.pinFault(dma);
    const error = this.accounting.charge(dma, this.accounting.cost(dma, runs));
    if (error !== 0) return error;
    for (const run of runs) dma.mm.keep(run);
    dma.runs = runs;
    return runs;
  }

  /** iommu_map, run by run: false when there is no memory for the page table, and then none of them is mapped. */
  mapRuns(domain: Domain, dma: Dma, runs: readonly PinnedRun[]): boolean {
    let start = dma.start;
    for (const { physical, length } of runs) {
      if (this.state.noMemory()) {
        domain.unmap(dma.start, dma.length);
        return false;
      }
      domain.map({ start, length, physical, read: dma.read, write: dma.write });
      start += length;
    }
    return true;
  }

  /** vfio_unmap_unpin: out of every domain, and no longer paid for but for what emulated devices keep pinned. */
  unmapAndUnpin(dma: Dma): void {
    if (!dma.mapped) return;
    for (const { domain } of this.state.domains) domain.unmap(dma.start, dma.length);
    this.unpin(dma);
  }

  /** vfio_unpin_pages_remote of all that {@link pin} took, but for what emulated devices keep. */
  private unpin(dma: Dma): void {
    this.accounting.uncharge(dma, dma.charged - this.accounting.pinnedCost(dma));
    for (const { physical } of dma.runs) dma.mm.release(physical);
    dma.runs = [];
    dma.mapped = false;
  }

  /** vfio_remove_dma. */
  remove(dma: Dma): void {
    this.unmapAndUnpin(dma);
    this.dirty.free(dma);
    this.state.mappings.remove(dma);
  }

  /** vfio_iommu_unmap_unpin_all. From the highest down, so that the sorted lists only shrink at their end. */
  removeAll(): void {
    for (const dma of [...this.state.mappings.all].reverse()) this.remove(dma);
  }

  /** vfio_iommu_unmap_unpin_reaccount: the last domain goes, but emulated devices still need the mappings. */
  unmapAll(): void {
    for (const dma of this.state.mappings.all) this.unmapAndUnpin(dma);
  }

  /** vfio_iommu_replay: gives a new domain every mapping there is; an errno leaves it as it found things. */
  replay(target: Type1Domain): number {
    const model = this.state.domains[0];
    if (model !== undefined) {
      for (const { start, length, physical, read, write } of model.domain.mappings.items) {
        // The new page table is given up with all that is in it.
        if (this.state.noMemory()) return -ERRNO.ENOMEM;
        target.domain.map({ start, length, physical, read, write });
      }
      return 0;
    }
    const done: Dma[] = [];
    for (const dma of this.state.mappings.all) {
      const runs = this.pin(dma);
      const mapped = typeof runs !== 'number' && this.mapRuns(target.domain, dma, runs);
      if (!mapped) {
        if (typeof runs !== 'number') this.unpin(dma);
        for (const undone of done) this.unmapAndUnpin(undone);
        return typeof runs === 'number' ? runs : -ERRNO.ENOMEM;
      }
      dma.mapped = true;
      done.push(dma);
    }
    return 0;
  }

  /** Pages are pinned and charged in order, so a limit reached before the fault is what the user hears of. */
  private pinFault(dma: Dma): number {
    let left = this.accounting.room(dma.process, dma.mm);
    if (dma.unlimited || left * PAGE_SIZE >= dma.length) return -ERRNO.EFAULT;
    for (let at = 0; at < dma.length; at += PAGE_SIZE) {
      const page = dma.mm.pin(dma.vaddr + at, PAGE_SIZE, dma.write);
      if (page === undefined) return -ERRNO.EFAULT;
      // What an emulated device pinned before is paid for (vfio_find_vpfn).
      const free = !page[0]!.charged || dma.pinned.has(dma.start + at);
      if (!free && --left < 0) return -ERRNO.ENOMEM;
    }
    return -ERRNO.EFAULT;
  }
}
