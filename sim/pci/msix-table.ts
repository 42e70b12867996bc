import { MSIX_ENTRY } from './registers.ts';

/** The MSI-X table and pending bits of one function (7.7.2.5). Entries start masked; their messages are software's. */
export class MsixTable {
  readonly bytes: Uint8Array;
  readonly pending: Uint8Array;
  private readonly view: DataView;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size * MSIX_ENTRY.SIZE);
    this.view = new DataView(this.bytes.buffer);
    this.pending = new Uint8Array(Math.ceil(size / 64) * 8);
    this.reset();
  }

  reset(): void {
    this.bytes.fill(0);
    this.pending.fill(0);
    for (let i = 0; i < this.size; i++) this.view.setUint32(i * MSIX_ENTRY.SIZE + MSIX_ENTRY.CTRL, 1, true);
  }

  read(offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.bytes[offset + i] ?? 0);
    return value;
  }

  write(offset: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) this.bytes[offset + i] = (value >>> (8 * i)) & 0xff;
    // Reserved bits of vector control read as written on the recorded machine; bit 0 is all that matters.
  }

  masked(vector: number): boolean {
    return (this.view.getUint32(vector * MSIX_ENTRY.SIZE + MSIX_ENTRY.CTRL, true) & 1) !== 0;
  }

  address(vector: number): number {
    const at = vector * MSIX_ENTRY.SIZE;
    return this.view.getUint32(at, true) + this.view.getUint32(at + MSIX_ENTRY.ADDR_HI, true) * 0x1_0000_0000;
  }

  data(vector: number): number {
    return this.view.getUint32(vector * MSIX_ENTRY.SIZE + MSIX_ENTRY.DATA, true);
  }

  isPending(vector: number): boolean {
    return (this.pending[vector >> 3]! & (1 << (vector & 7))) !== 0;
  }

  setPending(vector: number, on: boolean): void {
    if (on) this.pending[vector >> 3]! |= 1 << (vector & 7);
    else this.pending[vector >> 3]! &= ~(1 << (vector & 7));
  }
}
