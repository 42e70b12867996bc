/** Beginning, finishing and abandoning a save (drivers/vfio/pci/mlx5/main.c: mlx5vf_pci_save_device_data and following). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import type { VhcaMigrationState } from '../core/migration-commands.ts';
import { PAGE } from '../core/object-commands.ts';
import { type DataBuffer, pagesFor } from '../data-buffer.ts';
import type { Mlx5VfDevice } from '../device.ts';
import { SaveCommand } from './command.ts';
import { CHUNK_BUFFERS, SaveSession } from './session.ts';

/** Sizes of buffers, in bytes. Replaceable, so that a test can shrink them. */
export const SIZES = {
  /** MAX_CHUNK_SIZE */
  chunk: 8 * 1024 * 1024,
  /** What the size field of SAVE_VHCA_STATE can say, in whole pages. */
  most: 0x1_0000_0000 - PAGE,
  /** How much a state may grow between the first query and the end: a tenth. */
  growth: 10,
};

/** Bytes of a buffer for the stopped device (mlx5vf_prep_stop_copy). */
export function stopCopySize(answer: VhcaMigrationState, chunkMode: boolean, track: boolean): number {
  const { required, remaining } = answer;
  let size = required;
  if (chunkMode) size = Math.max(required, Math.min(SIZES.chunk, remaining));
  else if (track) size += Math.floor(required / SIZES.growth);
  return Math.min(size, SIZES.most);
}

/** Opens a session and starts the full save: while the device runs and is tracked, or of the stopped device. */
export function* startSave(device: Mlx5VfDevice, track: boolean): Task<SaveSession | number> {
  // The session and its file.
  if (device.noMemory() || device.noMemory()) return -ERRNO.ENOMEM;
  const pd = yield* device.commands.allocPd();
  if (pd < 0) return pd;
  const session = new SaveSession(device, pd);
  const result = yield* firstSave(session, track);
  if (result === 0) return session;
  yield* session.disable();
  yield* session.free();
  return result;
}

function* firstSave(session: SaveSession, track: boolean): Task<number> {
  const { device } = session;
  const answer = yield* device.commands.queryFull();
  if (typeof answer === 'number') return answer;
  const pages = pagesFor(stopCopySize(answer, device.abilities.chunkMode, track));
  const prepared = yield* reserve(session, pages, track);
  if (prepared < 0) return prepared;
  let buffer: DataBuffer | number;
  if (track) {
    buffer = yield* session.pool.allocate(pages);
    if (typeof buffer === 'number') return buffer;
  } else {
    buffer = session.reserved[0]!;
    session.reserved[0] = undefined;
  }
  const result = yield* new SaveCommand(session, buffer, { incremental: false, track }).submit();
  if (result < 0) session.pool.put(buffer);
  return result;
}

/** Makes the buffers for the stopped device, and the record that announces them. */
function* reserve(session: SaveSession, pages: number, track: boolean): Task<number> {
  const count = session.device.abilities.chunkMode ? CHUNK_BUFFERS : 1;
  for (let index = 0; index < count; index++) {
    const buffer = yield* session.pool.get(pages);
    if (typeof buffer === 'number') return buffer;
    if (count > 1) buffer.chunk = index + 1;
    session.reserved[index] = buffer;
  }
  // mlx5vf_add_stop_copy_header
  if (session.device.noMemory()) return -ERRNO.ENOMEM;
  session.announce(pages * PAGE);
  if (track) session.initialBytes = session.length;
  return 0;
}

/** The device has been stopped: saves what changed since (mlx5vf_pci_save_device_inc_data). */
export function* finishSave(session: SaveSession): Task<number> {
  if (session.state === 'ERROR') return -ERRNO.ENODEV;
  const result = yield* finalImage(session);
  if (result < 0) session.markError();
  return result;
}

function* finalImage(session: SaveSession): Task<number> {
  const answer = yield* session.device.commands.queryIncremental(session, 'final');
  if (typeof answer === 'number') return answer;
  const buffer = yield* session.chunks.take(0, answer.required);
  if (typeof buffer === 'number') return buffer;
  const result = yield* new SaveCommand(session, buffer, { incremental: true, track: false }).submit();
  if (result < 0) session.pool.put(buffer);
  return result;
}

/**
 * Pre-copy is given up while the device runs on: a SAVE that is neither incremental nor tracked tells the firmware to
 * drop what it holds for tracking. 0 once the command is on its way, or a negated errno and the session goes on.
 */
export function* abandonSave(session: SaveSession): Task<number> {
  const answer = yield* session.device.commands.queryIncremental(session, 'cleanup');
  if (typeof answer === 'number') return answer;
  const buffer = yield* session.pool.get(pagesFor(answer.required));
  if (typeof buffer === 'number') return buffer;
  const result = yield* new SaveCommand(session, buffer, { incremental: false, track: false }).submit();
  if (result < 0) session.pool.put(buffer);
  return result;
}
