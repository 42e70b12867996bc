/** The memory a tenant maps: many small mappings in a row, some that may not be written, a large one, and a file. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Process } from '../../kernel/process.ts';

/** Pages of the neighbouring mappings: borders fall everywhere around the sizes of batches. */
const ROW = [1, 1, 2, 1, 1, 3, 1, 1, 1, 4, 1, 1, 2, 1, 1, 8] as const;
export const ROW_PAGES = ROW.reduce((sum: number, pages) => sum + pages, 0);
export const READ_ONLY_PAGES = 2;
/** Enough for large pages of the IOMMU. */
export const BIG_PAGES = 1024;
export const FILE_PAGES = 6;
export const DEVICE_PAGES = 4;
/** First page of each mapping of the row. */
export const ROW_STARTS: readonly number[] = ROW.map((_, index) =>
  ROW.slice(0, index).reduce((sum: number, pages) => sum + pages, 0),
);

const FILLED = 4;

/** Where they are. exec empties an address space; the same calls in the same order give the same addresses. */
export class BenchMemory {
  readonly process: Process;
  row = 0;
  readOnly = 0;
  big = 0;
  /** A BAR of the tenant's own device; 0: it is not mapped. */
  device = 0;

  constructor(process: Process) {
    this.process = process;
    this.allocate();
  }

  allocate(): void {
    const { memory } = this.process;
    this.row = memory.allocateRow(ROW.map((pages) => pages * PAGE_SIZE));
    this.readOnly = memory.allocate(READ_ONLY_PAGES * PAGE_SIZE, { read: true, write: false });
    this.big = memory.allocate(BIG_PAGES * PAGE_SIZE);
  }

  /** Some pages of the row get their own bytes; what is in the others is written by devices. */
  fill(salt: number): void {
    for (let page = 0; page < FILLED; page++) this.pattern(page, salt + page);
  }

  /** Bytes that tell their place: each 16 of them their own. */
  pattern(page: number, salt: number): void {
    const words = new Uint32Array(PAGE_SIZE / 4);
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(salt + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b);
    this.process.memory.write(this.row + page * PAGE_SIZE, new Uint8Array(words.buffer));
  }
}
