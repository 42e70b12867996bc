/** Protection domains and memory keys (mlx5_ifc.h: alloc_pd, create_mkey, mkc; mlx5/core/pd.c, mr.c). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { type CommandOutput, errnoOf, numberOf, OPCODE, PLAIN, setAddress } from './command.ts';
import type { CommandQueue } from './command-queue.ts';

/** Pages in a row that the card reaches at `iova`; both in bytes, multiples of {@link PAGE}. */
export interface PageRun {
  readonly iova: number;
  readonly length: number;
}

/** MLX5_ADAPTER_PAGE_SHIFT */
export const PAGE_SHIFT = 12;
export const PAGE = 1 << PAGE_SHIFT;

const CREATE_MKEY = { CONTEXT: 0x10, OCTWORDS: 0x60, PAGES: 0x110 } as const;
/** mkc: access_mode MTT, local and remote, read and write. */
const MKC = { FLAGS: 0x00, QPN: 0x04, PD: 0x0c, START: 0x10, LENGTH: 0x18, OCTWORDS: 0x34, LOG_PAGE: 0x38 } as const;
const ACCESS_MTT_RW = 0x0000_3d00;
const NO_QPN = 0xffff_ff00;

/** Writes the addresses of all pages of `runs` at `at`, 8 bytes each. */
export function writePages(view: DataView, at: number, runs: readonly PageRun[]): void {
  let offset = at;
  for (const { iova, length } of runs) {
    let high = Math.floor(iova / 0x1_0000_0000);
    let low = iova >>> 0;
    for (let pages = length / PAGE; pages > 0; pages--, offset += 8) {
      view.setUint32(offset, high);
      view.setUint32(offset + 4, low);
      low = (low + PAGE) >>> 0;
      if (low === 0) high++;
    }
  }
}

/** Number of pages in `runs`. */
export function pageCount(runs: readonly PageRun[]): number {
  let length = 0;
  for (const run of runs) length += run.length;
  return length / PAGE;
}

/** A key is its index in 31:8 and a variant, 0 here. */
const keyOf = (output: CommandOutput): number => {
  const index = numberOf(output);
  return index < 0 ? index : index * 256;
};

export class ObjectCommands {
  private readonly queue: CommandQueue;
  constructor(queue: CommandQueue) {
    this.queue = queue;
  }

  /** The new protection domain's number, or a negated errno. */
  allocPd(): Task<number> {
    return this.queue.execute(this.queue.input(OPCODE.ALLOC_PD), PLAIN, numberOf);
  }

  deallocPd(pd: number): Task<number> {
    return this.destroy(OPCODE.DEALLOC_PD, pd);
  }

  /** A key that maps `runs` from virtual address 0, or a negated errno. Never 0. */
  createMkey(pd: number, runs: readonly PageRun[]): Task<number> {
    const pages = pageCount(runs);
    const octwords = Math.ceil(pages / 2);
    const input = this.queue.input(OPCODE.CREATE_MKEY, CREATE_MKEY.PAGES + 16 * octwords);
    const at = CREATE_MKEY.CONTEXT;
    input.setUint32(at + MKC.FLAGS, ACCESS_MTT_RW);
    input.setUint32(at + MKC.QPN, NO_QPN);
    input.setUint32(at + MKC.PD, pd);
    setAddress(input, at + MKC.LENGTH, pages * PAGE);
    input.setUint32(at + MKC.OCTWORDS, octwords);
    input.setUint32(at + MKC.LOG_PAGE, PAGE_SHIFT);
    input.setUint32(CREATE_MKEY.OCTWORDS, octwords);
    writePages(input, CREATE_MKEY.PAGES, runs);
    return this.queue.execute(input, PLAIN, keyOf);
  }

  destroyMkey(mkey: number): Task<number> {
    return this.destroy(OPCODE.DESTROY_MKEY, mkey >>> 8);
  }

  /** The many commands whose input is an opcode and a 24-bit number. */
  protected destroy(opcode: number, number: number): Task<number> {
    const input = this.queue.input(opcode);
    input.setUint32(0x08, number);
    return this.queue.execute(input, PLAIN, errnoOf);
  }
}
