/**
 * A save session (drivers/vfio/pci/mlx5/cmd.h: mlx5_vf_migration_file): images that the firmware wrote, in the order the
 * user reads them. It outlives its end as long as the user keeps the file, and then answers ENODEV.
 */
import { Completion, Mutex, type Task, WaitQueue } from '../../../src/kernel/sleep.ts';
import { DataFile } from '../../../src/vfio/migration/data-fd.ts';
import type { DataBuffer } from '../data-buffer.ts';
import type { Mlx5VfDevice } from '../device.ts';
import { MLX5_FORMAT } from '../format.ts';
import { ChunkSaver } from './chunks.ts';
import { BufferPool } from './pool.ts';
import { PrecopyInfoCall } from './precopy-info.ts';
import { SaveReader } from './reader.ts';

/**
 * MLX5_MIGF_STATE_*: `NONE` until the first image is there; `PRE_COPY_ERROR`: tracking was lost, the final image will be
 * a full one; `SAVING`: images of the stopped device are under way; `COMPLETE`: the last one is there.
 */
export type SaveState = 'NONE' | 'PRE_COPY' | 'PRE_COPY_ERROR' | 'SAVING' | 'COMPLETE' | 'ERROR';

/** A part of the stream that is there: a record header in bytes, or an image in a buffer. */
export interface Piece {
  /** Position in the stream. */
  readonly start: number;
  readonly length: number;
  readonly source: Uint8Array | DataBuffer;
}

/** Buffers kept ready for the stopped device: two in chunk mode, so that one is read while the next is written. */
export const CHUNK_BUFFERS = 2;

export class SaveSession {
  readonly device: Mlx5VfDevice;
  readonly pd: number;
  readonly pool: BufferPool;
  readonly file: DataFile;
  readonly chunks: ChunkSaver;
  state: SaveState = 'NONE';
  /** migf->lock: held while the user's bytes are copied, which may sleep, and while the session's position counts. */
  readonly lock: Mutex;
  /** A binary semaphore: one SAVE at a time. */
  readonly saveDone = new Completion('mlx5 save');
  /** Threads between the submission of a SAVE and the end of its callback. */
  inFlight = 0;
  readonly idle = new WaitQueue('mlx5 save callbacks');
  readonly readable = new WaitQueue('mlx5 save read');
  readonly pieces: Piece[] = [];
  /** Where the reader is, and how long the stream is by now. */
  position = 0;
  length = 0;
  /** The range that counts as initial bytes. */
  initialStart = 0;
  initialBytes = 0;
  /** Buffers reserved for the stopped device. */
  readonly reserved: (DataBuffer | undefined)[] = [undefined, undefined];
  /** Chunk mode: chunks nobody has read, and the size of a SAVE that waits for one to be read. */
  readyChunks = 0;
  delayedChunk = 0;

  constructor(device: Mlx5VfDevice, pd: number) {
    this.device = device;
    this.pd = pd;
    this.pool = new BufferPool(device, pd);
    this.lock = new Mutex('migf lock', device.core.pdev.scheduler);
    this.chunks = new ChunkSaver(this);
    const reader = new SaveReader(this);
    const info = new PrecopyInfoCall(this);
    this.file = new DataFile('mlx5vf_mig', 'read', {
      read: (caller, address, length) => reader.read(caller, address, length),
      poll: () => reader.poll(),
      ioctl: (caller, command, argument) => info.run(caller, command, argument),
    });
    this.saveDone.complete();
  }

  /** Adds a part at the end of the stream. */
  append(source: Uint8Array | DataBuffer, length: number): void {
    this.pieces.push({ start: this.length, length, source });
    this.length += length;
  }

  /** mlx5vf_add_stop_copy_header: the record that tells the target how much to prepare. */
  announce(bytes: number): void {
    const record = MLX5_FORMAT.fieldRecord('STOP_COPY_SIZE', { stop_copy_size: BigInt(bytes) });
    this.append(record, record.length);
  }

  /** A part was read to its end: its buffer can be used again (mlx5vf_buf_read_done). */
  consumed(piece: Piece): void {
    this.pieces.shift();
    if (piece.source instanceof Uint8Array) return;
    const buffer = piece.source;
    if (buffer.chunk === 0) {
      this.pool.put(buffer);
      return;
    }
    this.reserved[buffer.chunk - 1] = buffer;
    this.readyChunks--;
    const waiting = this.delayedChunk;
    this.delayedChunk = 0;
    if (waiting > 0) this.chunks.request(buffer.chunk, waiting);
  }

  /** mlx5vf_mark_err: the user may hold the file, so readers are told. */
  markError(): void {
    this.state = 'ERROR';
    this.wakeReaders();
  }

  wakeReaders(): void {
    this.readable.wake();
  }

  /** mlx5vf_disable_fd: the file answers ENODEV from now on. */
  *disable(): Task<void> {
    yield* this.lock.lock();
    this.state = 'ERROR';
    this.position = 0;
    this.lock.unlock();
    this.wakeReaders();
  }

  /** Waits until no SAVE is in flight and its callback has run (mlx5_cmd_cleanup_async_ctx, cancel_work_sync). */
  *settle(): Task<void> {
    while (this.inFlight > 0) yield this.idle;
  }

  /** Ends the session; the caller holds the state mutex. */
  *end(): Task<void> {
    yield* this.settle();
    yield* this.disable();
    yield* this.free();
    this.file.drop();
  }

  /** mlx5fv_cmd_clean_migf_resources. */
  *free(): Task<void> {
    for (const piece of this.pieces.splice(0)) if (!(piece.source instanceof Uint8Array)) yield* piece.source.free();
    for (let index = 0; index < this.reserved.length; index++) {
      const buffer = this.reserved[index];
      this.reserved[index] = undefined;
      if (buffer !== undefined) yield* buffer.free();
    }
    yield* this.pool.free();
    yield* this.device.commands.deallocPd(this.pd);
  }
}
