import { PCI } from './registers.ts';
import type { FunctionTemplate, StickyBits } from './template.ts';

/** What an unsupported request reads: all ones of 1, 2 or 4 bytes. */
export const ones = (width: number): number => (width === 4 ? 0xffff_ffff : (1 << (8 * width)) - 1);

/** The configuration space of one function: live bytes over a shared template. Little-endian, widths 1, 2 and 4. */
export class ConfigSpace {
  readonly template: FunctionTemplate;
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(template: FunctionTemplate) {
    this.template = template;
    this.bytes = template.reset.slice();
    this.view = new DataView(this.bytes.buffer);
  }

  /** As the hardware returns it; outside the implemented space all ones (an unsupported request). */
  read(offset: number, width: number): number {
    if (offset + width > this.bytes.length) return ones(width);
    if (width === 4) return this.view.getUint32(offset, true);
    return width === 2 ? this.view.getUint16(offset, true) : this.view.getUint8(offset);
  }

  /** A write by software: only writable bits change, write-one-to-clear bits clear. Byte enables: `width` bytes. */
  write(offset: number, width: number, value: number): void {
    const { rw, rw1c } = this.template;
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      if (at >= this.bytes.length) return;
      const byte = (value >>> (8 * i)) & 0xff;
      const mask = rw[at]!;
      this.bytes[at] = ((this.bytes[at]! & ~mask) | (byte & mask)) & ~(byte & rw1c[at]!);
    }
  }

  /** The device itself changes a register: no mask applies. */
  set(offset: number, width: number, value: number): void {
    if (width === 4) this.view.setUint32(offset, value, true);
    else if (width === 2) this.view.setUint16(offset, value, true);
    else this.view.setUint8(offset, value);
  }

  /** Back to reset values, but for sticky bits. */
  reset(): void {
    const kept: [StickyBits, number][] = [];
    for (const { sticky } of this.template.capabilities)
      for (const bits of sticky) kept.push([bits, this.read(bits.at, bits.width)]);
    // Whether its device has other functions is how the function is built.
    const type = this.bytes[PCI.HEADER_TYPE]!;
    this.bytes.set(this.template.reset);
    this.bytes[PCI.HEADER_TYPE] = type;
    for (const [{ at, width, mask }, value] of kept)
      this.set(at, width, ((this.read(at, width) & ~mask) | (value & mask)) >>> 0);
  }
}
