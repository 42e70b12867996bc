/**
 * A function described by what `lspci -xxxx` prints of a real one: header, capabilities, and with `-v` the sizes of its
 * BARs. What a driver had switched on when the dump was taken (messages, a power state) is off again, as after a reset.
 */
import type { BarDescription, CapabilityDescription, FunctionDescription } from './description.ts';
import { BAR, CAP, EXT_CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI, PM, PM_CTRL, STATUS } from './registers.ts';

const ROW = /^([0-9a-f]{2,3}): ((?:[0-9a-f]{2}(?: |$)){16})/i;
const REGION = /(Memory|I\/O ports) at ([0-9a-f]+).*\[size=(\d+)([KMGT]?)\]/;
const UNITS = ['', 'K', 'M', 'G', 'T'];
/** Sizes where the dump tells none. */
const LEAST = { memory: 0x1000, io: 0x20 } as const;
const HEADER_END = 0x40;
const CONVENTIONAL = 0x100;
/** Longer chains are loops. */
const MOST_CAPABILITIES = 48;

/** Reads the first function of a dump. Throws an Error that says in words what is wrong with it. */
export function describeDump(text: string): FunctionDescription {
  const lines = text.split('\n');
  const bytes = bytesOf(lines);
  const view = new DataView(bytes.buffer);
  if (view.getUint8(PCI.HEADER_TYPE) & 0x7f) throw new Error('the dump is of a bridge, not of an endpoint');
  const title = lines.find((line) => /^\S*[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] /i.test(line));
  const listed = (view.getUint16(PCI.STATUS, true) & STATUS.CAP_LIST) !== 0;
  return {
    name: title?.replace(/^\S+ /, '').trim() ?? 'dumped function',
    vendor: view.getUint16(PCI.VENDOR_ID, true),
    device: view.getUint16(PCI.DEVICE_ID, true),
    class: view.getUint32(PCI.REVISION_ID, true) >>> 8,
    revision: view.getUint8(PCI.REVISION_ID),
    subsystemVendor: view.getUint16(PCI.SUBSYSTEM_VENDOR_ID, true),
    subsystem: view.getUint16(PCI.SUBSYSTEM_ID, true),
    interruptPin: view.getUint8(PCI.INTERRUPT_PIN),
    interruptLine: view.getUint8(PCI.INTERRUPT_LINE),
    configSize: bytes.length > CONVENTIONAL ? 4096 : 256,
    bars: barsOf(view, sizesOf(lines)),
    capabilities: [
      ...(listed ? standard(bytes, view) : []),
      ...(bytes.length > CONVENTIONAL ? extended(bytes, view) : []),
    ],
    liveRegisters: true,
  };
}

function bytesOf(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4096);
  let next = 0;
  for (const line of lines) {
    const row = ROW.exec(line.trim());
    if (row === null) continue;
    const at = Number.parseInt(row[1]!, 16);
    if (at === 0 && next > 0) break;
    if (at !== next) throw new Error(`the row after ${next.toString(16)} is missing in the dump`);
    bytes.set(Buffer.from(row[2]!.replaceAll(' ', ''), 'hex'), at);
    next = at + 16;
  }
  if (next !== HEADER_END && next !== CONVENTIONAL && next !== 4096)
    throw new Error(`a dump has 64, 256 or 4096 bytes, and this has ${next}`);
  return bytes.slice(0, Math.max(next, CONVENTIONAL));
}

/** Sizes by address, from lines like `Memory at fe600000 (64-bit, non-prefetchable) [size=16K]`. */
function sizesOf(lines: readonly string[]): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const line of lines) {
    const region = REGION.exec(line);
    if (region === null) continue;
    const [, , address, count, unit] = region;
    sizes.set(Number.parseInt(address!, 16), Number(count) * 1024 ** UNITS.indexOf(unit!));
  }
  return sizes;
}

function barsOf(view: DataView, sizes: ReadonlyMap<number, number>): BarDescription[] {
  const bars: BarDescription[] = [];
  for (let index = 0; index < 6; index++) {
    const at = PCI.BASE_ADDRESS_0 + 4 * index;
    const value = view.getUint32(at, true);
    if (value === 0) continue;
    if (value & BAR.IO) {
      const address = (value & ~3) >>> 0;
      bars.push({ index, kind: 'io', size: sizes.get(address) ?? LEAST.io, address });
      continue;
    }
    const wide = (value & BAR.MEM_64) !== 0;
    const high = wide ? view.getUint32(at + 4, true) : 0;
    const address = ((value & ~0xf) >>> 0) + high * 0x1_0000_0000;
    const size = sizes.get(address) ?? LEAST.memory;
    const prefetch = (value & BAR.PREFETCH) !== 0;
    bars.push({ index, kind: wide ? 'mem64' : 'mem32', size, prefetch, address });
    if (wide) index++;
  }
  return bars;
}

function standard(bytes: Uint8Array, view: DataView): CapabilityDescription[] {
  const starts: number[] = [];
  for (let at = view.getUint8(PCI.CAPABILITY_LIST) & ~3; at >= HEADER_END; at = view.getUint8(at + 1) & ~3) {
    if (starts.includes(at) || starts.length === MOST_CAPABILITIES)
      throw new Error(`the capability list of the dump comes back to ${at.toString(16)}`);
    starts.push(at);
  }
  return starts.map((at) => {
    const id = view.getUint8(at);
    const body = bytes.slice(at + 2, endOf(at, starts, CONVENTIONAL));
    const register = new DataView(body.buffer);
    if (id === CAP.PM) body[PM.CTRL - 2]! &= ~PM_CTRL.STATE_MASK;
    if (id === CAP.MSI) body[MSI.FLAGS - 2]! &= ~MSI_FLAGS.ENABLE;
    if (id === CAP.MSIX) {
      const flags = register.getUint16(MSIX.FLAGS - 2, true);
      register.setUint16(MSIX.FLAGS - 2, flags & ~(MSIX_FLAGS.ENABLE | MSIX_FLAGS.MASKALL), true);
    }
    return { kind: id, at, body: hex(body) };
  });
}

/** SR-IOV is left out: a dump does not say what its VFs are. */
function extended(bytes: Uint8Array, view: DataView): CapabilityDescription[] {
  const starts: number[] = [];
  for (
    let at = CONVENTIONAL;
    at >= CONVENTIONAL && view.getUint32(at, true) !== 0;
    at = view.getUint32(at, true) >>> 20
  ) {
    if (starts.includes(at)) throw new Error(`the extended capabilities of the dump come back to ${at.toString(16)}`);
    starts.push(at);
  }
  return starts
    .map((at) => {
      const header = view.getUint32(at, true);
      const body = hex(bytes.slice(at + 4, endOf(at, starts, bytes.length)));
      return { kind: header & 0xffff, at, version: (header >>> 16) & 0xf, body, extended: true };
    })
    .filter(({ kind }) => kind !== EXT_CAP.SRIOV);
}

const endOf = (at: number, starts: readonly number[], end: number): number =>
  Math.min(end, ...starts.filter((start) => start > at));

/** Without the zeros at the end, which are there anyway. */
const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(00)+$/, '');
