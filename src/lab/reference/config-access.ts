/**
 * Configuration space as vfio-pci's user must find it, written down a second time: which bits of the function a write
 * may change, and what certain bytes must read (vfio_pci_config.c: init_pci_cap_*_perm, vfio_cap_init, vfio_ecap_init).
 */
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { FunctionTemplate } from '../../../sim/pci/template.ts';

/** [offset in the capability, width in bytes, bits of hardware that the user's writes reach]. */
type Reaches = readonly (readonly [at: number, width: number, bits: number])[];

/** A capability the user sees: bytes it has, and what of them is the user's; `raw`: all of it. */
interface Visible {
  readonly length: (byte: (at: number) => number) => number;
  /** Bits that are shown otherwise than the function has them. */
  readonly shown?: Reaches | ((byte: (at: number) => number) => Reaches);
  /** Of these, bits that always read as zero. */
  readonly zero?: Reaches;
  readonly reaches?: Reaches | ((byte: (at: number) => number) => Reaches) | 'raw';
}

/** Header: COMMAND, STATUS (bits that a write of ones clears), cache line size, latency timer, self test. */
const HEADER: Reaches = [
  [0x04, 2, 0xffff],
  [0x06, 2, 0xf900],
  [0x0c, 2, 0xffff],
  [0x0f, 1, 0xff],
];

const msiReaches = (byte: (at: number) => number): Reaches => {
  const masks = byte(2) & 0x80 ? 0x10 : 0x0c;
  // Enable and the number of messages; addresses and data are the host's. What is pending goes out when it is unmasked.
  const vectors = [masks, masks + 4].map((at) => [at, 4, 0xffff_ffff] as const);
  return [[2, 2, 0x0071], ...(byte(3) & 1 ? vectors : [])];
};

/** INTX_DISABLE, and the memory bit that VFs lack; the list; BARs and ROM; list pointer, line and pin. */
const HEADER_SHOWN: Reaches = [
  [0x00, 4, 0xffff_ffff],
  [0x04, 2, 0x0402],
  [0x06, 2, 0xffff],
  ...[0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30].map((at) => [at, 4, 0xffff_ffff] as const),
  [0x34, 1, 0xff],
  [0x3c, 2, 0xffff],
];
const WHOLE = 0xffff_ffff;
const whole = (from: number, to: number): Reaches =>
  Array.from({ length: to - from }, (_, i) => [from + i, 1, 0xff] as const);
/** The message; masks and what is pending are the function's own. */
const msiShown = (byte: (at: number) => number): Reaches => whole(2, byte(2) & 0x80 ? 0x0e : 0x0a);

const fixedLength = (bytes: number) => (): number => bytes;

/** Ids of the standard list that are shown. All others are taken out of it, and their bytes are the user's. */
const STANDARD: Readonly<Record<number, Visible>> = {
  1: {
    length: fixedLength(8),
    reaches: [[4, 4, 0xffff_7eff]],
    // No user's function wakes the host.
    zero: [
      [2, 2, 0xf800],
      [4, 2, 0x8100],
    ],
  },
  2: { length: fixedLength(12) },
  3: {
    length: fixedLength(8),
    reaches: [
      [2, 2, 0xffff],
      [4, 4, 0xffff_ffff],
    ],
    shown: whole(2, 8),
  },
  5: { length: (byte) => 10 + (byte(2) & 0x80 ? 4 : 0) + (byte(3) & 1 ? 10 : 0), reaches: msiReaches, shown: msiShown },
  9: { length: (byte) => byte(2), reaches: 'raw' },
  16: {
    length: (byte) => ((byte(2) & 0xf) === 1 ? 0x14 : 0x34),
    reaches: [
      // Error reports, relaxed order, no snoop, auxiliary power, and the size of read requests.
      [0x08, 2, 0x7d1f],
      [0x0a, 2, 0x000f],
      [0x28, 2, 0xffdf],
    ],
    shown: [[0x08, 2, 0xf0e0]],
    // The bit that resets is none that stays.
    zero: [[0x08, 2, 0x8000]],
  },
  17: { length: fixedLength(12) },
  19: { length: fixedLength(6), zero: [[4, 1, 1]] },
};

const vendorLength = (byte: (at: number) => number): number => (byte(7) << 4) | (byte(6) >> 4);

/** Of the extended list. */
const EXTENDED: Readonly<Record<number, Visible>> = {
  1: {
    length: fixedLength(0x2c),
    reaches: [
      [0x04, 4, 0x03ff_f031],
      [0x08, 4, 0x03ff_f031],
      [0x0c, 4, 0x03ff_f031],
      [0x10, 4, 0xf1c1],
      [0x14, 4, 0xf1c1],
      [0x18, 4, 0x140],
    ],
  },
  3: { length: fixedLength(12) },
  11: { length: vendorLength, reaches: 'raw' },
  13: { length: fixedLength(8) },
  14: { length: fixedLength(8) },
  15: { length: fixedLength(8) },
  16: { length: fixedLength(0x40) },
  19: { length: fixedLength(16) },
  24: { length: fixedLength(8) },
};

/** A capability in place. */
export interface Shown {
  readonly id: number;
  readonly at: number;
}

export class ConfigReference {
  /** Bits of each byte of the function that a write of its user may change. */
  readonly reached: Uint8Array;
  /** Bits that must read as the function has them. */
  readonly mirrored: Uint8Array;
  /** Bits that must read as {@link expected}, whatever was written. */
  readonly fixed: Uint8Array;
  readonly expected: Uint8Array;
  /** The lists as they must be found, in order. */
  readonly standard: readonly Shown[];
  readonly extended: readonly Shown[];

  constructor({ template, physical }: PciFunction) {
    const { size, description } = template;
    this.reached = new Uint8Array(size).fill(0xff);
    this.mirrored = new Uint8Array(size).fill(0xff);
    this.hide(0, HEADER_SHOWN);
    this.fixed = new Uint8Array(size);
    this.expected = new Uint8Array(size);
    this.reached.fill(0, 0, 0x40);
    this.allow(0, HEADER);
    const vendor = physical?.template.description.vendor ?? description.vendor;
    this.must(0x00, [vendor & 0xff, vendor >> 8, description.device & 0xff, description.device >> 8]);
    this.must(0x08, [...template.reset.subarray(0x08, 0x0c)]);
    this.must(0x2c, [...template.reset.subarray(0x2c, 0x30)]);
    if (physical !== undefined) this.must(0x3d, [0]);
    this.standard = this.standardList(template);
    const express = this.standard.some(({ id }) => id === 0x10);
    this.extended = express && size > 0x100 ? this.extendedList(template) : [];
  }

  private standardList(template: FunctionTemplate): Shown[] {
    const all = template.capabilities.filter(({ extended }) => !extended);
    const shown = all.filter(({ id }) => STANDARD[id] !== undefined);
    for (const [index, { id, at }] of shown.entries()) {
      this.place(template, STANDARD[id]!, at);
      // Of vendors' capabilities everything is the device's business, the list pointer is not.
      if (id !== 0x09) this.must(at, [id]);
      this.must(at + 1, [shown[index + 1]?.at ?? 0]);
    }
    this.must(0x34, [shown[0]?.at ?? 0]);
    return shown;
  }

  private extendedList(template: FunctionTemplate): Shown[] {
    const all = template.capabilities.filter(({ extended }) => extended);
    if (all.length === 0) return [];
    const shown = all.filter(({ id }) => EXTENDED[id] !== undefined);
    for (const [index, { id, at }] of shown.entries()) {
      this.place(template, EXTENDED[id]!, at);
      const next = shown[index + 1]?.at ?? 0;
      this.must(at, [id & 0xff, id >> 8, (template.reset[at + 2]! & 0xf) | ((next & 0xf) << 4), next >> 4]);
    }
    const [first] = all;
    if (first !== undefined && EXTENDED[first.id] === undefined) {
      // The list begins at 0x100 whatever is there: a header without id and version, that leads on to what is shown.
      const next = shown.length > 0 ? (template.reset[first.at + 3]! << 4) | (template.reset[first.at + 2]! >> 4) : 0;
      this.must(first.at, [0, 0, (next & 0xf) << 4, next >> 4]);
      this.reached.fill(0, first.at, first.at + 4);
      this.mirrored.fill(0, first.at, first.at + 4);
      return [{ id: 0, at: first.at }, ...shown];
    }
    return shown;
  }

  private place({ reset, size }: FunctionTemplate, visible: Visible, at: number): void {
    const byte = (offset: number): number => reset[at + offset]!;
    const { length, reaches = [], shown = [], zero = [] } = visible;
    // The list pointer, and of extended capabilities the header.
    this.hide(at, at < 0x100 ? [[1, 1, 0xff]] : [[0, 4, WHOLE]]);
    this.hide(at, typeof shown === 'function' ? shown(byte) : shown);
    this.hide(at, zero);
    for (const [offset, width, bits] of zero)
      for (let i = 0; i < width; i++) this.fixed[at + offset + i]! |= (bits >>> (8 * i)) & 0xff;
    if (reaches === 'raw') return;
    this.reached.fill(0, at, Math.min(at + length(byte), size));
    this.allow(at, typeof reaches === 'function' ? reaches(byte) : reaches);
  }

  private allow(start: number, reaches: Reaches): void {
    for (const [at, width, bits] of reaches)
      for (let i = 0; i < width; i++) this.reached[start + at + i]! |= (bits >>> (8 * i)) & 0xff;
  }

  private hide(start: number, shown: Reaches): void {
    for (const [at, width, bits] of shown)
      for (let i = 0; i < width; i++) this.mirrored[start + at + i]! &= ~(bits >>> (8 * i)) & 0xff;
  }

  private must(at: number, bytes: readonly number[]): void {
    this.fixed.fill(0xff, at, at + bytes.length);
    this.expected.set(bytes, at);
  }
}

const known = new WeakMap<FunctionTemplate, ConfigReference>();

/** The reference of a function; written down on first use. */
export function configReference(fn: PciFunction): ConfigReference {
  let reference = known.get(fn.template);
  if (reference === undefined) known.set(fn.template, (reference = new ConfigReference(fn)));
  return reference;
}
