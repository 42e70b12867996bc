/**
 * Memory of the container for emulated devices (vfio_pin_pages, vfio_unpin_pages, vfio_dma_rw): they have no DMA of
 * their own, and say page by page what they use.
 */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { VfioGroup } from '../group.ts';
import type { Accounting } from './accounting.ts';
import type { DirtyPages } from './dirty.ts';
import type { Dma } from './dma.ts';
import type { Type1State } from './state.ts';
import { wraps } from './u64.ts';

/** VFIO_PIN_PAGES_MAX_ENTRIES: pages of one call. */
const PIN_LIMIT = 512;

export class ExternalAccess {
  private readonly state: Type1State;
  private readonly accounting: Accounting;
  private readonly dirty: DirtyPages;

  constructor(state: Type1State, accounting: Accounting, dirty: DirtyPages) {
    this.state = state;
    this.accounting = accounting;
    this.dirty = dirty;
  }

  /** Pins `count` pages from `iova` on: their physical addresses, or a negated errno and nothing pinned. */
  pin(group: VfioGroup, iova: number, count: number, write: boolean): number[] | number {
    if (count > PIN_LIMIT) return -ERRNO.E2BIG;
    if (!this.state.v2) return -ERRNO.EACCES;
    if (wraps(BigInt(iova), BigInt(count) * BigInt(PAGE_SIZE))) return -ERRNO.EOVERFLOW;
    if (this.state.mappings.invalid > 0) return -ERRNO.EBUSY;
    if (this.state.devices.size === 0) return -ERRNO.EINVAL;
    const pages: number[] = [];
    for (let page = 0; page < count; page++) {
      const at = this.addressOf(iova, page);
      const physical = this.pinPage(at - (at % PAGE_SIZE), write);
      if (physical < 0) {
        this.unpin(iova, page);
        return physical;
      }
      pages.push(physical);
    }
    this.narrowScope(group);
    return pages;
  }

  /** Gives `count` pages from `iova` on back; pages that are not pinned are passed over. */
  unpin(iova: number, count: number): void {
    for (let page = 0; page < count; page++) {
      const at = iova + page * PAGE_SIZE;
      const dma = this.state.mappings.find(at - (at % PAGE_SIZE), PAGE_SIZE);
      if (dma !== undefined) this.unpinPage(dma, at - (at % PAGE_SIZE));
    }
  }

  /** Copies between `bytes` and the container's memory; `caller` is undefined in a kernel thread. */
  access(caller: Process | undefined, iova: number, bytes: Uint8Array, write: boolean): number {
    if (this.state.mappings.invalid > 0) return -ERRNO.EBUSY;
    let done = 0;
    while (done < bytes.length) {
      const dma = this.state.mappings.find(iova + done, 1);
      if (dma === undefined) return -ERRNO.EINVAL;
      if (!dma.read || (write && !dma.write)) return -ERRNO.EPERM;
      if (caller !== undefined && caller.memory !== dma.mm) return -ERRNO.EFAULT;
      const count = Math.min(bytes.length - done, dma.start + dma.length - (iova + done));
      const part = bytes.subarray(done, done + count);
      const address = dma.vaddr + (iova + done - dma.start);
      const memory = dma.mm;
      const copied = write ? memory.write(address, part) : memory.readInto(address, part);
      if (this.state.faults.copy.fails() || !copied) return -ERRNO.EFAULT;
      if (write) this.dirty.mark(dma, iova + done, count);
      done += count;
    }
    return 0;
  }

  /** Where page number `page` behind `iova` is. */
  addressOf(iova: number, page: number): number {
    return iova + page * PAGE_SIZE;
  }

  private pinPage(iova: number, write: boolean): number {
    const dma = this.state.mappings.find(iova, PAGE_SIZE);
    if (dma === undefined) return -ERRNO.EINVAL;
    if (!dma.read || (write && !dma.write)) return -ERRNO.EPERM;
    const known = dma.pinned.get(iova);
    if (known !== undefined) {
      known.users++;
      return known.physical;
    }
    const run = dma.mm.pin(dma.vaddr + iova - dma.start, PAGE_SIZE, dma.write)?.[0];
    if (run === undefined) return -ERRNO.EFAULT;
    // Device memory has no struct page to hand out (vfio_iommu_type1_pin_pages: pfn_valid).
    if (!run.charged) return -ERRNO.EINVAL;
    // A mapping in a page table has paid for its pages already.
    const error = dma.mapped ? 0 : this.accounting.charge(dma, 1);
    if (error !== 0) return error;
    // vfio_add_to_pfn_list
    if (this.state.noMemory()) {
      if (!dma.mapped) this.accounting.uncharge(dma, 1);
      return -ERRNO.ENOMEM;
    }
    dma.mm.keep(run);
    dma.pinned.set(iova, { physical: run.physical, users: 1, charged: run.charged });
    if (this.state.tracking) this.dirty.mark(dma, iova, 1);
    return run.physical;
  }

  private unpinPage(dma: Dma, iova: number): void {
    const page = dma.pinned.get(iova);
    if (page === undefined || --page.users > 0) return;
    dma.pinned.delete(iova);
    dma.mm.release(page.physical);
    if (page.charged && !dma.mapped) this.accounting.uncharge(dma, 1);
  }

  /** A group that pins what it uses no longer makes every mapped page dirty. */
  private narrowScope(group: VfioGroup): void {
    this.state.unscoped.delete(group);
  }
}
