/** The next chunk of a final image, saved by deferred work (drivers/vfio/pci/mlx5/main.c: mlx5vf_mig_file_save_work). */
import { Oops } from '../../../src/kernel/oops.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import { type DataBuffer, pagesFor } from '../data-buffer.ts';
import { SaveCommand } from './command.ts';
import type { SaveSession } from './session.ts';

export class ChunkSaver {
  private readonly session: SaveSession;
  constructor(session: SaveSession) {
    this.session = session;
  }

  /** Queues the SAVE of the next chunk into reserved buffer `chunk`, from 1; `bytes` is what the firmware needs. */
  request(chunk: number, bytes: number): void {
    const { pdev } = this.session.device.core;
    pdev.scheduler.spawn(`mlx5 chunk ${pdev.name}`, this.save(chunk, bytes));
  }

  /** The reserved buffer with index `index`, or a larger one in its place (mlx5vf_mig_file_get_stop_copy_buf). */
  *take(index: number, bytes: number): Task<DataBuffer | number> {
    const { session } = this;
    const buffer = session.reserved[index];
    if (buffer === undefined) throw new Oops('mlx5: a stop-copy buffer is wanted twice');
    session.reserved[index] = undefined;
    if (buffer.pages >= pagesFor(bytes)) return buffer;
    const { chunk } = buffer;
    session.pool.put(buffer);
    const larger = yield* session.pool.get(pagesFor(bytes));
    if (typeof larger !== 'number') larger.chunk = chunk;
    return larger;
  }

  private *save(chunk: number, bytes: number): Task<void> {
    const { session } = this;
    const { device } = session;
    yield* device.stateMutex.lock();
    // The session may have ended while this waited for the mutex.
    if (session.state !== 'ERROR' && (yield* this.next(chunk, bytes)) < 0) session.markError();
    yield* device.unlock();
  }

  private *next(chunk: number, bytes: number): Task<number> {
    const { session } = this;
    const buffer = yield* this.take(chunk - 1, bytes);
    if (typeof buffer === 'number') return buffer;
    const result = yield* new SaveCommand(session, buffer, { incremental: true, track: false }).submit();
    if (result < 0) session.pool.put(buffer);
    return result;
  }
}
