/** copy_from_user for streams: what can be read of a range, in pieces of bounded size, marked untrusted. */
import type { Process } from '../kernel/process.ts';
import { fromUser, type Untrusted } from './untrusted.ts';

/** Copies stop at the first page that is not there. */
const PAGE_SIZE = 4096;
/** Longest piece: bounds what a user's length makes the kernel allocate. */
const PIECE = 0x10_0000;

/** The bytes before the first that cannot be read, piece by piece; the last piece says whether there was one. */
export interface UserPiece {
  readonly bytes: Untrusted<Uint8Array>;
  readonly length: number;
  /** The byte after this piece cannot be read: EFAULT once the piece is dealt with. */
  readonly faulted: boolean;
}

/** The piece of [address, address + length) that starts at `done`. */
export function pieceFromUser(caller: Process, address: number, length: number, done: number): UserPiece {
  caller.mightFault();
  const wanted = Math.min(PIECE, length - done);
  const bytes = caller.copyFromUser(address + done, wanted);
  if (bytes !== undefined) return { bytes: fromUser(bytes), length: wanted, faulted: false };
  // A copy that was made to fail reads nothing of a memory that is all there.
  if (caller.faults.copy.hasJustFailed) return { bytes: fromUser(new Uint8Array(0)), length: 0, faulted: true };
  let good = 0;
  while (good < wanted) {
    const step = Math.min(PAGE_SIZE - ((address + done + good) % PAGE_SIZE), wanted - good);
    if (caller.memory.copyIn(address + done + good, step) === undefined) break;
    good += step;
  }
  return {
    bytes: fromUser(caller.memory.copyIn(address + done, good) ?? new Uint8Array(0)),
    length: good,
    faulted: true,
  };
}
