/** Programmed access to device memory (vfio_pci_rdwr.c): one locked access, and transfers split into accesses. */
import { viewOf } from '../kernel/bytes.ts';
import type { BarAccess } from '../kernel/pci/device.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { __vfio_pci_memory_enabled } from './memory-enabled.ts';

/** Widths of an access in bytes. */
export type Width = 1 | 2 | 4 | 8;

const bytes = new Uint8Array(8);
const view = viewOf(bytes);
/** The first n scratch bytes, by n. */
const piece = Array.from({ length: 9 }, (_, width) => bytes.subarray(0, width));

/** vfio_pci_core_ioread8, 16, 32: the value, or EIO while memory is disabled (`testMem`: the BAR is memory). */
export function vfio_pci_core_ioread(
  core: VfioPciCoreDevice,
  testMem: boolean,
  io: BarAccess,
  offset: number,
  width: 1 | 2 | 4,
): number {
  if (testMem && !__vfio_pci_memory_enabled(core)) return -ERRNO.EIO;
  return io.read(offset, width) >>> 0;
}

/** vfio_pci_core_iowrite8, 16, 32: 0, or EIO while memory is disabled. */
export function vfio_pci_core_iowrite(
  core: VfioPciCoreDevice,
  testMem: boolean,
  io: BarAccess,
  offset: number,
  width: 1 | 2 | 4,
  value: number,
): number {
  if (testMem && !__vfio_pci_memory_enabled(core)) return -ERRNO.EIO;
  io.write(offset, width, value);
  return 0;
}

/** Reads into the scratch bytes. */
function load(io: BarAccess, offset: number, width: Width): void {
  if (width === 8) {
    const [low, high] = io.read8?.(offset) ?? [io.read(offset, 4), io.read(offset + 4, 4)];
    view.setUint32(0, low, true);
    view.setUint32(4, high, true);
  } else if (width === 4) view.setUint32(0, io.read(offset, 4), true);
  else if (width === 2) view.setUint16(0, io.read(offset, 2), true);
  else view.setUint8(0, io.read(offset, 1));
}

function store(io: BarAccess, offset: number, width: Width): void {
  if (width === 8) {
    const [low, high] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (io.write8 !== undefined) io.write8(offset, [low, high]);
    else {
      io.write(offset, 4, low);
      io.write(offset + 4, 4, high);
    }
  } else if (width === 4) io.write(offset, 4, view.getUint32(0, true));
  else if (width === 2) io.write(offset, 2, view.getUint16(0, true));
  else io.write(offset, 1, view.getUint8(0));
}

/** The widest aligned access that `fillable` bytes at `offset` allow. */
export function accessWidth(offset: number, fillable: number, max: Width): Width {
  if (fillable >= 8 && offset % 8 === 0 && max >= 8) return 8;
  if (fillable >= 4 && offset % 4 === 0) return 4;
  return fillable >= 2 && offset % 2 === 0 ? 2 : 1;
}

/** One access between the user's memory and the device: 0, EFAULT, or EIO. Each tests memory anew. */
function transfer(
  core: VfioPciCoreDevice,
  testMem: boolean,
  io: BarAccess,
  caller: Process,
  address: number,
  offset: number,
  width: Width,
  iswrite: boolean,
): number {
  const part = piece[width]!;
  if (iswrite && !caller.copyFromUserInto(address, part)) return -ERRNO.EFAULT;
  if (testMem && !__vfio_pci_memory_enabled(core)) return -ERRNO.EIO;
  if (iswrite) {
    store(io, offset, width);
    return 0;
  }
  load(io, offset, width);
  // The device has answered by now: a fault here comes after the side effect of the read.
  return caller.copyToUser(address, part) ? 0 : -ERRNO.EFAULT;
}

/**
 * vfio_pci_core_do_io_rw: moves `count` bytes at `offset` in natural pieces. [xStart, xEnd) is not the user's: reads
 * give 0xff, writes are dropped. The count, or a negated errno (then nothing counts as done).
 */
export function vfio_pci_core_do_io_rw(
  core: VfioPciCoreDevice,
  testMem: boolean,
  io: BarAccess,
  caller: Process,
  address: number,
  offset: number,
  count: number,
  xStart: number,
  xEnd: number,
  iswrite: boolean,
  maxWidth: Width = 8,
): number {
  let done = 0;
  while (done < count) {
    const at = offset + done;
    const left = count - done;
    const fillable = at < xStart ? Math.min(left, xStart - at) : at >= xEnd ? left : 0;
    if (fillable === 0) {
      const excluded = Math.min(left, xEnd - at);
      if (!iswrite && !caller.copyToUser(address + done, new Uint8Array(excluded).fill(0xff))) return -ERRNO.EFAULT;
      done += excluded;
      continue;
    }
    const width = accessWidth(at, fillable, maxWidth);
    const error = transfer(core, testMem, io, caller, address + done, at, width, iswrite);
    if (error < 0) return error;
    done += width;
  }
  return done;
}
