/** Bytes of a BAR, moved by calls and through mappings: what reaches the device is what was asked for, and where. */
import { Buffer } from 'node:buffer';
import { CAP, MSIX, MSIX_ENTRY } from '../../../sim/pci/registers.ts';
import { regionOffset } from '../../client/device.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const PAGE = 4096;
/** Where nothing is set going: both sides of borders of pages, of large pages, and of the table of messages. */
const SPOTS = [0x100, 0x104, 0x40, 0x48, 0x4c, 0x50, 0x7f0, 0x7fc, 0xff8, 0x1000, 0x1008, 0x1ffc, 0x2100, 0x3ff0];
const LENGTHS = [1, 2, 3, 4, 7, 8, 8, 12, 16];
const MOST = 16;
/** A call, or a mapping of the page. */
const WAYS = 4;

const words: Operation = {
  name: 'bar_words',
  needs: 'pci',
  args: ['bar', 'offset', 'length', 'value', 'way'],
  weights: whileOpen(5),
  generate: (random, tenant) => {
    if (memoryUnknown(tenant) || !memoryOn(tenant)) return undefined;
    const bars = tenant.fn!.template.bars.flatMap((bar, i) => (bar === undefined || bar.kind === 'io' ? [] : [i]));
    if (bars.length === 0) return undefined;
    const [bar, offset, length] = [random.pick(bars), random.pick(SPOTS), random.pick(LENGTHS)];
    return { bar, offset, length, value: random.bits(), way: random.below(WAYS) };
  },
  run(tenant, { bar, offset, length: wanted, value, way }, world) {
    const { fn, process, device } = tenant;
    const described = fn!.template.bars[bar!];
    const length = atMost(MOST, wanted);
    const usable = described !== undefined && described.kind !== 'io' && described.claimed !== true;
    if (!usable || length === 0 || offset! + length > described.size || !SPOTS.includes(offset!)) return -ERRNO.EINVAL;
    const certain = !memoryUnknown(tenant) && memoryOn(tenant) && fn!.decodes(bar!);
    const writes = (way! & 1) === 1;
    const bytes = Uint8Array.from({ length }, (_, i) => (value! >>> (8 * (i % 4))) ^ i);
    const moved = new Uint8Array(length);
    const touched = new Uint8Array(length);
    let beside = false;
    const note = (at: number, offsetThere: number, width: number, word: number): void => {
      for (let i = 0; i < width; i++) {
        const place = offsetThere + i - offset!;
        if (at !== bar || place < 0 || place >= length || offsetThere % width !== 0) beside = true;
        else {
          moved[place] = word >>> (8 * i);
          touched[place]!++;
        }
      }
    };
    if (writes) fn!.onWrite = note;
    else fn!.onRead = note;
    const through = way! >= 2 ? mapping(tenant, bar!, offset!) : undefined;
    let result = length;
    if (through === undefined) {
      const position = regionOffset(bar!) + offset!;
      if (writes) result = process.pwrite(device!.fd, tenant.scratch.load(bytes), length, position);
      else result = device!.readRegion(bar!, offset!, length);
      if (!writes && result === length) bytes.set(device!.bytes(length));
    } else if (through >= 0) {
      const done = writes ? process.memory.write(through, bytes) : process.memory.read(through, length);
      if (done === undefined || done === false) result = -ERRNO.EFAULT;
      else if (done !== true) bytes.set(done);
    }
    fn!.onWrite = fn!.onRead = undefined;
    if (through !== undefined) {
      if (through < 0) return through;
      process.munmap(through - (offset! % PAGE));
    }
    const due = through === undefined ? reachable(tenant, bar!, offset!, length) : new Uint8Array(length).fill(1);
    if (certain) judge(world, bar!, { result, length, beside, writes, bytes, moved, touched, due });
    return result;
  },
};

/** The address of the byte, or an errno. */
function mapping({ process, device }: Tenant, bar: number, offset: number): number {
  const inPage = offset % PAGE;
  const how = { read: true, write: true, shared: true };
  const pages = inPage + MOST > PAGE ? 2 * PAGE : PAGE;
  const address = process.mmap(device!.fd, regionOffset(bar) + offset - inPage, pages, how);
  return address < 0 ? address : address + inPage;
}

/** 1 for each byte that calls reach: the table of messages is not theirs. */
function reachable({ fn }: Tenant, bar: number, offset: number, length: number): Uint8Array {
  const due = new Uint8Array(length).fill(1);
  const at = fn!.capability(CAP.MSIX);
  if (at === 0) return due;
  const table = fn!.config.read(at + MSIX.TABLE, 4);
  const start = (table & ~7) >>> 0;
  const end = start + fn!.msix!.size * MSIX_ENTRY.SIZE;
  for (let i = 0; (table & 7) === bar && i < length; i++) if (offset + i >= start && offset + i < end) due[i] = 0;
  return due;
}

interface Moved {
  readonly result: number;
  readonly length: number;
  readonly beside: boolean;
  readonly writes: boolean;
  /** What the tenant sent or was given, and what the device was sent or gave. */
  readonly bytes: Uint8Array;
  readonly moved: Uint8Array;
  readonly touched: Uint8Array;
  readonly due: Uint8Array;
}

function judge(
  { checks: { config } }: World,
  bar: number,
  { result, length, beside, writes, bytes, moved, touched, due }: Moved,
): void {
  if (result !== length) return config.disagrees(bar, `${length} bytes of it are answered with ${result}`);
  if (beside || Buffer.compare(touched, due) !== 0)
    return config.disagrees(bar, 'an access reaches the device elsewhere than it was made, or in part');
  for (const [i, byte] of bytes.entries())
    if (due[i] === 1 ? byte !== moved[i] : !writes && byte !== 0xff)
      return config.disagrees(bar, `byte ${i} of an access is another than the device was sent or gave`);
}

export const BAR_WORDS: readonly Operation[] = [words];
