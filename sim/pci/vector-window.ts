/** Where in the BARs a function's MSI-X table and pending bits are (PCIe 7.7.2.3, 7.7.2.4): its own, whatever it does. */
import type { ConfigSpace } from './config-space.ts';
import { MsixTable } from './msix-table.ts';
import { MSIX, MSIX_ENTRY, MSIX_FLAGS } from './registers.ts';

/** The table of one function, and its place in the function's BARs. */
export class VectorWindow {
  readonly table: MsixTable;
  private readonly tableBar: number;
  private readonly tableOffset: number;
  private readonly tableEnd: number;
  private readonly pbaBar: number;
  private readonly pbaOffset: number;
  private readonly pbaEnd: number;

  /** `at`: where the MSI-X capability is. */
  constructor(config: ConfigSpace, at: number) {
    this.table = new MsixTable((config.read(at + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1);
    const table = config.read(at + MSIX.TABLE, 4);
    const pba = config.read(at + MSIX.PBA, 4);
    this.tableBar = table & 7;
    this.tableOffset = (table & ~7) >>> 0;
    this.tableEnd = this.tableOffset + this.table.bytes.length;
    this.pbaBar = pba & 7;
    this.pbaOffset = (pba & ~7) >>> 0;
    this.pbaEnd = this.pbaOffset + this.table.pending.length;
  }

  /** Whether an access there is to the table or to the pending bits. */
  covers(bar: number, offset: number): boolean {
    return this.inTable(bar, offset) || this.inPending(bar, offset);
  }

  read(bar: number, offset: number, width: number): number {
    if (this.inTable(bar, offset)) return this.table.read(offset - this.tableOffset, width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.table.pending[offset - this.pbaOffset + i] ?? 0);
    return value;
  }

  /** The vector whose entry was written; -1: pending bits take no write. */
  write(bar: number, offset: number, width: number, value: number): number {
    if (!this.inTable(bar, offset)) return -1;
    this.table.write(offset - this.tableOffset, width, value);
    return Math.floor((offset - this.tableOffset) / MSIX_ENTRY.SIZE);
  }

  private inTable(bar: number, offset: number): boolean {
    return bar === this.tableBar && offset >= this.tableOffset && offset < this.tableEnd;
  }

  private inPending(bar: number, offset: number): boolean {
    return bar === this.pbaBar && offset >= this.pbaOffset && offset < this.pbaEnd;
  }
}
