/**
 * A function description compiled once: its configuration space at reset and the masks that say how software may change
 * it. Templates are shared and never change, so building a function is one copy of bytes.
 */
import { EXTENDED } from './capabilities/extended.ts';
import type { CapabilityKind } from './capabilities/kind.ts';
import { STANDARD } from './capabilities/standard.ts';
import type { BarDescription, CapabilityDescription, FunctionDescription } from './description.ts';
import { BAR, CAP, COMMAND, DEVCAP_FLR, EXP, PCI, SRIOV, STATUS } from './registers.ts';

/** A capability with its place. */
export interface PlacedCapability {
  readonly id: number;
  readonly name: string;
  readonly at: number;
  readonly size: number;
  readonly extended: boolean;
  /** Bits that a reset leaves alone, by offset in configuration space. */
  readonly sticky: readonly StickyBits[];
}

export interface StickyBits {
  readonly at: number;
  readonly width: number;
  readonly mask: number;
}

/** See the head of this file. */
export interface FunctionTemplate {
  readonly description: FunctionDescription;
  readonly size: number;
  /** Bytes at reset. */
  readonly reset: Uint8Array;
  /** Bits that can be written, and bits that are cleared by writing one. */
  readonly rw: Uint8Array;
  readonly rw1c: Uint8Array;
  readonly capabilities: readonly PlacedCapability[];
  readonly bars: readonly (BarDescription | undefined)[];
  /** Contents of the expansion ROM. */
  readonly rom: Uint8Array | undefined;
  /** A VF answers all ones as vendor and device, and has no BAR registers of its own (9.3.4). */
  readonly virtual: boolean;
}

const KINDS = new Map<string | number, CapabilityKind>();
for (const kind of [...STANDARD, ...EXTENDED]) {
  KINDS.set(kind.name, kind);
  KINDS.set(kind.extended ? `x${kind.id}` : kind.id, kind);
}

const cache = new WeakMap<FunctionDescription, FunctionTemplate>();

/** The template of a function; compiled on first use. `virtual`: the description of a VF. */
export function templateOf(description: FunctionDescription, virtual = false): FunctionTemplate {
  let template = cache.get(description);
  if (template === undefined) {
    template = compile(description, virtual);
    cache.set(description, template);
  }
  return template;
}

function compile(d: FunctionDescription, virtual: boolean): FunctionTemplate {
  const caps = [...(d.capabilities ?? [])];
  const express = caps.some((c) => c.kind === 'exp');
  const size = d.configSize ?? (express ? PCI.CFG_SPACE_EXP_SIZE : PCI.CFG_SPACE_SIZE);
  const reset = new Uint8Array(size);
  const rw = new Uint8Array(size);
  const rw1c = new Uint8Array(size);
  const view = new DataView(reset.buffer);
  if (d.unassigned === 'memory') rw.fill(0xff, PCI.STD_HEADER_SIZEOF);
  header(d, view, new DataView(rw.buffer), new DataView(rw1c.buffer), virtual, caps.length > 0);
  const bars: (BarDescription | undefined)[] = new Array(6).fill(undefined);
  for (const bar of d.bars ?? []) bars[bar.index] = bar;
  if (!virtual) for (const bar of d.bars ?? []) barRegister(bar, PCI.BASE_ADDRESS_0, view, new DataView(rw.buffer));
  if (d.rom && !virtual) new DataView(rw.buffer).setUint32(PCI.ROM_ADDRESS, (~(d.rom.size - 1) | 1) >>> 0, true);
  const placed = place(caps, d, reset, rw, rw1c);
  const rom = d.rom && !virtual ? new Uint8Array(Buffer.from(d.rom.image, 'hex')) : undefined;
  return { description: d, size, reset, rw, rw1c, capabilities: placed, bars, rom, virtual };
}

function header(
  d: FunctionDescription,
  view: DataView,
  rw: DataView,
  rw1c: DataView,
  virtual: boolean,
  caps: boolean,
): void {
  view.setUint16(PCI.VENDOR_ID, virtual ? 0xffff : d.vendor, true);
  view.setUint16(PCI.DEVICE_ID, virtual ? 0xffff : d.device, true);
  view.setUint16(PCI.STATUS, caps ? STATUS.CAP_LIST : 0, true);
  view.setUint32(PCI.REVISION_ID, ((d.class << 8) | (d.revision ?? 0)) >>> 0, true);
  view.setUint16(PCI.SUBSYSTEM_VENDOR_ID, d.subsystemVendor ?? 0, true);
  view.setUint16(PCI.SUBSYSTEM_ID, d.subsystem ?? 0, true);
  view.setUint8(PCI.INTERRUPT_PIN, virtual ? 0 : (d.interruptPin ?? 0));
  const io = (d.bars ?? []).some((bar) => bar.kind === 'io');
  const standard = virtual
    ? COMMAND.MASTER
    : (io ? COMMAND.IO : 0) |
      COMMAND.MEMORY |
      COMMAND.MASTER |
      COMMAND.PARITY |
      COMMAND.SERR |
      (d.interruptPin ? COMMAND.INTX_DISABLE : 0);
  rw.setUint16(PCI.COMMAND, d.commandMask ?? standard, true);
  rw1c.setUint16(PCI.STATUS, 0xf900, true);
  rw.setUint8(PCI.CACHE_LINE_SIZE, 0xff);
  rw.setUint8(PCI.INTERRUPT_LINE, virtual ? 0 : 0xff);
}

/** Type bits and writable address bits of one BAR; `base` is 0x10, or the first VF BAR of an SR-IOV capability. */
function barRegister(bar: BarDescription, base: number, view: DataView, rw: DataView): void {
  const at = base + 4 * bar.index;
  const mask = -bar.size;
  if (bar.kind === 'io') {
    view.setUint32(at, BAR.IO, true);
    rw.setUint32(at, mask >>> 0, true);
    return;
  }
  const wide = bar.kind === 'mem64';
  view.setUint32(at, (wide ? BAR.MEM_64 : 0) | (bar.prefetch ? BAR.PREFETCH : 0), true);
  rw.setUint32(at, mask >>> 0, true);
  if (wide) rw.setUint32(at + 4, bar.size > 0xffff_ffff ? Math.floor(mask / 2 ** 32) >>> 0 : 0xffff_ffff, true);
}

/** Writes capability headers, bodies and masks; standard ones are linked in description order, extended by position. */
function place(
  caps: readonly CapabilityDescription[],
  d: FunctionDescription,
  reset: Uint8Array,
  rw: Uint8Array,
  rw1c: Uint8Array,
): PlacedCapability[] {
  const view = new DataView(reset.buffer);
  const placed = caps.map((c) => {
    // The two lists number their capabilities apart: 1 is power management in one and AER in the other.
    const kind = KINDS.get(c.extended && typeof c.kind === 'number' ? `x${c.kind}` : c.kind);
    if (kind === undefined && typeof c.kind === 'string')
      throw new Error(`${d.name}: no capability is called ${c.kind}`);
    const extended = c.extended ?? kind?.extended ?? false;
    const id = kind?.id ?? (c.kind as number);
    const body = Buffer.from(c.body ?? '', 'hex');
    reset.set(body, c.at + (extended ? 4 : 2));
    if (d.sriov && kind?.name === 'sriov') sriovRegisters(d, c.at, view, new DataView(rw.buffer), rw);
    const bytes = new DataView(reset.buffer, c.at);
    const size = c.size ?? kind?.size(bytes) ?? 4;
    // A capability's own bytes are read-only except for the registers its table makes writable.
    if (kind?.name !== 'sriov') rw.fill(0, c.at, Math.min(c.at + size, reset.length));
    const registers = (kind?.registers(bytes) ?? []).flatMap((r) =>
      Array.from({ length: r.count ?? 1 }, (_, i) => ({ ...r, at: r.at + i * r.width })),
    );
    for (const r of registers) {
      setMask(rw, c.at + r.at, r.width, r.rw ?? 0);
      setMask(rw1c, c.at + r.at, r.width, r.rw1c ?? 0);
    }
    for (const [at, width, mask] of c.writable ?? []) setMask(rw, c.at + at, width, mask);
    const version = c.version ?? kind?.version ?? 1;
    const sticky = registers.flatMap((r) =>
      r.sticky === undefined ? [] : [{ at: c.at + r.at, width: r.width, mask: r.sticky }],
    );
    return { id, name: kind?.name ?? `${id}`, at: c.at, size, extended, version, sticky };
  });
  const standard = placed.filter((c) => !c.extended);
  reset[PCI.CAPABILITY_LIST] = standard[0]?.at ?? 0;
  standard.forEach((c, i) => {
    reset[c.at] = c.id;
    reset[c.at + 1] = standard[i + 1]?.at ?? 0;
  });
  const extended = placed.filter((c) => c.extended);
  extended.forEach((c, i) => {
    const next = extended[i + 1]?.at ?? 0;
    view.setUint32(c.at, (c.id | (c.version << 16) | (next << 20)) >>> 0, true);
  });
  if (standard.some((c) => c.id === CAP.EXP) && d.quirks?.includes('no_flr')) {
    const at = standard.find((c) => c.id === CAP.EXP)!.at + EXP.DEVCAP;
    view.setUint32(at, view.getUint32(at, true) & ~DEVCAP_FLR, true);
  }
  return placed;
}

function sriovRegisters(d: FunctionDescription, at: number, view: DataView, rw: DataView, mask: Uint8Array): void {
  const s = d.sriov!;
  mask.fill(0, at, at + SRIOV.SIZEOF);
  view.setUint16(at + SRIOV.INITIAL_VF, s.totalVfs, true);
  view.setUint16(at + SRIOV.TOTAL_VF, s.totalVfs, true);
  view.setUint16(at + SRIOV.VF_OFFSET, s.offset, true);
  view.setUint16(at + SRIOV.VF_STRIDE, s.stride, true);
  view.setUint16(at + SRIOV.VF_DID, s.vf.device, true);
  if (view.getUint32(at + SRIOV.SUP_PGSIZE, true) === 0) view.setUint32(at + SRIOV.SUP_PGSIZE, 0x553, true);
  view.setUint32(at + SRIOV.SYS_PGSIZE, 1, true);
  for (const bar of s.vf.bars ?? []) barRegister(bar, at + SRIOV.BAR, view, rw);
}

function setMask(masks: Uint8Array, at: number, width: number, mask: number): void {
  for (let i = 0; i < width && at + i < masks.length; i++) masks[at + i] = (mask >>> (8 * i)) & 0xff;
}
