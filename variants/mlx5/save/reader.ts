/** Reading a save file (drivers/vfio/pci/mlx5/main.c: mlx5vf_save_read, mlx5vf_save_poll). */
import { zeroedBytes } from '../../../src/kernel/bytes.ts';
import { type OpenFile, POLL } from '../../../src/kernel/file.ts';
import type { Process } from '../../../src/kernel/process.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { PAGE } from '../core/object-commands.ts';
import { SAFEGUARDS } from '../safeguards.ts';
import type { Piece, SaveSession } from './session.ts';

/** Poll bits beside those of {@link POLL} (include/uapi/asm-generic/poll.h). */
const RDNORM = 0x40;
const RDHUP = 0x2000;
export class SaveReader {
  private readonly session: SaveSession;
  constructor(session: SaveSession) {
    this.session = session;
  }

  *read(caller: Process, address: number, length: number): Task<number> {
    const { session } = this;
    while (!this.ready() && !this.nonblocking) if ((yield session.readable) === 'interrupted') return -ERRNO.EINTR;
    yield* session.lock.lock();
    const result = yield* this.take(caller, address, length);
    session.lock.unlock();
    return result;
  }

  poll(): number {
    const { state, pieces } = this.session;
    if (state === 'ERROR') return POLL.IN | RDNORM | RDHUP;
    return pieces.length > 0 || state === 'COMPLETE' ? POLL.IN | RDNORM : 0;
  }

  /** Is there anything to answer with? Not while an image is being written. */
  ready(): boolean {
    const { state, pieces, inFlight } = this.session;
    if (pieces.length > 0) return true;
    return state === 'PRE_COPY' ? inFlight === 0 : state !== 'NONE' && state !== 'SAVING';
  }

  /** What an empty stream answers: more may come (ENOMSG), will come (EAGAIN), or nothing will (0). */
  empty(): number {
    const { state } = this.session;
    if (state === 'PRE_COPY' || state === 'PRE_COPY_ERROR') return -ERRNO.ENOMSG;
    return state !== 'COMPLETE' && this.nonblocking ? -ERRNO.EAGAIN : 0;
  }

  /** O_NONBLOCK of the open file. */
  private get nonblocking(): boolean {
    const file: OpenFile = this.session.file;
    return file.nonblock ?? false;
  }

  private *take(caller: Process, address: number, length: number): Task<number> {
    const { session } = this;
    if (!SAFEGUARDS.FILE_ENABLED.holds(session.state, undefined)) return -ERRNO.ENODEV;
    if (length > 0 && session.pieces.length === 0) return this.empty();
    let done = 0;
    while (done < length) {
      const piece = session.pieces[0];
      if (piece === undefined) break;
      const count = Math.min(piece.start + piece.length - session.position, length - done);
      if (count <= 0) {
        // An empty image at the head: the position is in no part, and never will be.
        session.state = 'ERROR';
        return -ERRNO.EINVAL;
      }
      if (!(yield* this.copy(caller, address + done, piece, count))) return -ERRNO.EFAULT;
      done += count;
      if (session.position >= piece.start + piece.length) session.consumed(piece);
    }
    return done;
  }

  /** Copies to the user page by page and moves on: whole pages before a fault count as read. */
  private *copy(caller: Process, address: number, piece: Piece, count: number): Task<boolean> {
    const { session } = this;
    const offset = session.position - piece.start;
    // Not mightFault: with the lock held, mmap_lock would close a circle that this driver has (see its README).
    yield* session.device.core.pdev.scheduler.mightSleep();
    // One copy_to_user, a page at a time: what was copied before a bad address counts.
    if (caller.faults.copy.fails()) return false;
    for (let at = 0; at < count; ) {
      const part = Math.min(PAGE - ((offset + at) % PAGE), count - at);
      if (!caller.memory.write(address + at, this.part(piece, offset + at, part))) return false;
      session.position += part;
      at += part;
    }
    return true;
  }

  /** Bytes of a piece within a page, until the next are asked for. */
  private part({ source }: Piece, offset: number, count: number): Uint8Array {
    if (source instanceof Uint8Array) return source.subarray(offset, offset + count);
    this.page ??= zeroedBytes(PAGE);
    const bytes = count === PAGE ? this.page : this.page.subarray(0, count);
    source.read(offset, bytes);
    return bytes;
  }
  private page: Uint8Array | undefined;
}
