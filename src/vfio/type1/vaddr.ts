/**
 * VFIO_UPDATE_VADDR: a process hands its mappings to another (or to itself after exec) while DMA goes on. UNMAP_DMA with
 * the VADDR flag takes the addresses away, MAP_DMA with it gives new ones.
 */
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Accounting } from './accounting.ts';
import type { Type1State } from './state.ts';

export class VaddrUpdate {
  private readonly state: Type1State;
  private readonly accounting: Accounting;

  constructor(state: Type1State, accounting: Accounting) {
    this.state = state;
    this.accounting = accounting;
  }

  /** Marks the mappings in [start, end); their bytes, or EINVAL with no mark left by this call. */
  invalidate(start: number, end: number): number {
    const touched = this.state.mappings.between(start, end);
    let bytes = 0;
    for (const [index, dma] of touched.entries()) {
      if (!this.state.v2 && start > dma.start) break;
      if (dma.vaddrInvalid) {
        for (const marked of touched.slice(0, index)) marked.vaddrInvalid = false;
        this.state.mappings.invalid -= index;
        return -ERRNO.EINVAL;
      }
      dma.vaddrInvalid = true;
      this.state.mappings.invalid++;
      bytes += dma.length;
    }
    return bytes;
  }

  /** Gives exactly the mapping [start, start + length) a new address in the caller's memory, who pays from now on. */
  restore(caller: Process, start: number, length: number, address: number): number {
    const dma = this.state.mappings.find(start, length);
    if (dma === undefined) return -ERRNO.ENOENT;
    if (!dma.vaddrInvalid || dma.start !== start || dma.length !== length) return -ERRNO.EINVAL;
    const error = this.accounting.handOver(dma, caller);
    if (error !== 0) return error;
    dma.vaddr = address;
    dma.vaddrInvalid = false;
    this.state.mappings.invalid--;
    return 0;
  }
}
