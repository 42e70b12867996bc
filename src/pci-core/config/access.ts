/** The access engine of configuration space (vfio_pci_config.c: vfio_config_do_rw, vfio_pci_config_rw). */

import { PCI } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { bytesOf, zeroedBytes, zeroedView } from '../../kernel/bytes.ts';
import type { Result } from '../../kernel/file.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { CAPABILITIES } from './cap-table.ts';
import { EXT_CAPABILITIES } from './ext-cap-table.ts';
import { type ConfigHandler, direct, raw, virtual } from './handler.ts';
import { header } from './header.ts';
import { MAP } from './layout.ts';
import type { ConfigShadow } from './shadow.ts';

/** Who answers for a map byte at a position. */
export function handlerFor(position: number, map: number): ConfigHandler {
  if (map === MAP.INVALID) return raw;
  if (map === MAP.INVALID_VIRT) return virtual;
  // A hidden capability that had to stay as the first of the list has no row: its bytes are read-only.
  if (position >= PCI.CFG_SPACE_SIZE) return EXT_CAPABILITIES[map]?.handler ?? direct;
  return map === MAP.BASIC ? header : (CAPABILITIES[map]?.handler ?? direct);
}

/** Bytes from `position` to the next dword boundary that belong to the same capability, as one aligned access. */
export function chunkSize(shadow: ConfigShadow, position: number, count: number): number {
  const map = shadow.mapAt(position);
  const room = Math.min(count, 4 - (position & 3));
  let same = 1;
  while (same < room && shadow.mapAt(position + same) === map) same++;
  if (same >= 4) return 4;
  return same >= 2 && position % 2 === 0 ? 2 : 1;
}

/** A transfer that starts or ends outside the space fails as a whole, before anything happens. */
function outside(core: VfioPciCoreDevice, position: number, count: number): boolean {
  const size = core.pdev.cfgSize;
  return position < 0 || position >= size || position + count > size;
}

const scratch = zeroedView(4);
const scratchBytes = bytesOf(scratch);

/** One chunk of a read: its value (then `chunkSize` says how wide), or a negated errno. */
function readChunk(core: VfioPciCoreDevice, position: number, size: number): number {
  const { shadow } = core;
  const map = shadow.mapAt(position);
  const start = map >= MAP.INVALID_VIRT ? position : shadow.layout.start[position]!;
  return handlerFor(position, map).read(core, position, size, position - start);
}

/** Reads [position, position + count) to the user: the count, or a negated errno. */
export function configRead(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
): number {
  if (outside(core, position, count)) return -ERRNO.EFAULT;
  const bytes = zeroedBytes(count);
  for (let done = 0; done < count; ) {
    const size = chunkSize(core.shadow, position + done, count - done);
    const value = readChunk(core, position + done, size);
    if (value < 0) return value;
    for (let i = 0; i < size; i++) bytes[done + i] = value >>> (8 * i);
    done += size;
  }
  // Nothing here has a side effect, so one copy stands for the kernel's one per chunk.
  return caller.copyToUser(address, bytes) ? count : -ERRNO.EFAULT;
}

/** One chunk of a write: the count, or a negated errno; a task when it starts a reset. */
function writeChunk(core: VfioPciCoreDevice, caller: Process, address: number, position: number, size: number): Result {
  const { shadow } = core;
  const map = shadow.mapAt(position);
  const handler = handlerFor(position, map);
  if (!handler.writable) return size;
  const into = size === 4 ? scratchBytes : scratchBytes.subarray(0, size);
  if (!caller.copyFromUserInto(address, into)) return -ERRNO.EFAULT;
  const value = size === 4 ? scratch.getUint32(0, true) : size === 2 ? scratch.getUint16(0, true) : scratchBytes[0]!;
  const start = map >= MAP.INVALID_VIRT ? position : shadow.layout.start[position]!;
  return handler.write(core, position, size, position - start, value);
}

/** Writes [position, position + count): the count, or a negated errno; earlier chunks have taken effect by then. */
export function configWrite(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
): Result {
  for (let done = 0; done < count; ) {
    if (outside(core, position + done, count - done)) return -ERRNO.EFAULT;
    const size = chunkSize(core.shadow, position + done, count - done);
    const result = writeChunk(core, caller, address + done, position + done, size);
    if (typeof result !== 'number') return writeRest(core, caller, address, count, position, done, size, result);
    if (result < 0) return result;
    done += size;
  }
  return count;
}

/** The chunk that resets the function sleeps; the rest of the transfer follows it. */
function* writeRest(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
  done: number,
  size: number,
  chunk: Task<number>,
): Task<number> {
  const result = yield* chunk;
  if (result < 0) return result;
  const after = done + size;
  if (after === count) return count;
  const rest = configWrite(core, caller, address + after, count - after, position + after);
  const last = typeof rest === 'number' ? rest : yield* rest;
  return last < 0 ? last : count;
}

/**
 * vfio_pci_config_rw_single: one chunk at `position` of configuration space. Drivers with an odd file layout use it.
 * The bytes done, or a negated errno.
 */
export function vfio_pci_config_rw_single(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
  iswrite: boolean,
): Result {
  if (outside(core, position, count)) return -ERRNO.EFAULT;
  const size = chunkSize(core.shadow, position, count);
  return iswrite
    ? writeChunk(core, caller, address, position, size)
    : configRead(core, caller, address, size, position);
}
