/** A resume session: the user writes a stream, every image in it is loaded as soon as it is complete. */
import type { Result } from '../../../src/kernel/file.ts';
import type { Process } from '../../../src/kernel/process.ts';
import { Mutex, type Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import type { RecordDecoder } from '../../../src/variant/record-decoder.ts';
import { pieceFromUser } from '../../../src/variant/user-memory.ts';
import { DataFile } from '../../../src/vfio/migration/data-fd.ts';
import type { Mlx5VfDevice } from '../device.ts';
import { MLX5_FORMAT } from '../format.ts';
import { SAFEGUARDS } from '../safeguards.ts';
import { ImageLoader } from './loader.ts';

export type ResumeState = 'LOADING' | 'ERROR';

/** Positions of a file end here (loff_t). */
const POSITION_MAX = 2 ** 63;

type Definition = (typeof MLX5_FORMAT)['definition'];

export class ResumeSession {
  readonly device: Mlx5VfDevice;
  readonly pd: number;
  readonly file: DataFile;
  readonly loader: ImageLoader;
  state: ResumeState = 'LOADING';
  position = 0;
  /** migf->lock: held during a write, which loads and so sleeps. */
  readonly lock: Mutex;
  private readonly decoder: RecordDecoder<Definition['header'], Definition['records']>;

  constructor(device: Mlx5VfDevice, pd: number) {
    this.device = device;
    this.pd = pd;
    this.lock = new Mutex('migf lock', device.core.pdev.scheduler);
    this.loader = new ImageLoader(device, pd);
    this.decoder = MLX5_FORMAT.decoder(this.loader);
    this.file = new DataFile('mlx5vf_mig', 'write', {
      write: (caller, address, length) => this.write(caller, address, length),
    });
  }

  /** Takes bytes of the stream: all of them, or an errno that ends the session's use. */
  write(caller: Process, address: number, length: number): Result {
    if (this.position + length >= POSITION_MAX) return -ERRNO.EINVAL;
    return this.writeLocked(caller, address, length);
  }

  /** mlx5vf_disable_fd */
  *disable(): Task<void> {
    yield* this.lock.lock();
    this.state = 'ERROR';
    this.position = 0;
    this.lock.unlock();
  }

  /** Ends the session; the caller holds the state mutex. What was not loaded is dropped. */
  *end(): Task<void> {
    yield* this.disable();
    yield* this.loader.free();
    yield* this.device.commands.deallocPd(this.pd);
    this.file.drop();
  }

  private *writeLocked(caller: Process, address: number, length: number): Task<number> {
    const { device } = this;
    yield* device.stateMutex.lock();
    yield* this.lock.lock();
    const result = yield* this.consume(caller, address, length);
    this.lock.unlock();
    yield* device.unlock();
    return result;
  }

  private *consume(caller: Process, address: number, length: number): Task<number> {
    if (!SAFEGUARDS.FILE_ENABLED.holds(this.state, undefined)) return -ERRNO.ENODEV;
    for (let done = 0; done < length; ) {
      yield* caller.mightFault();
      const piece = pieceFromUser(caller, address, length, done);
      const result = yield* this.decoder.write(piece.bytes);
      if (result < 0 || piece.faulted) {
        this.poison();
        return result < 0 ? result : -ERRNO.EFAULT;
      }
      done += piece.length;
      this.position += piece.length;
    }
    return length;
  }

  /** A refused stream stays refused: every later write answers ENODEV. */
  poison(): void {
    this.state = 'ERROR';
  }
}

/** mlx5vf_pci_resume_device_data: a session, or a negated errno. */
export function* startResume(device: Mlx5VfDevice): Task<ResumeSession | number> {
  // The session and its file; then a buffer for images, and one for headers.
  if (device.noMemory() || device.noMemory()) return -ERRNO.ENOMEM;
  const pd = yield* device.commands.allocPd();
  if (pd >= 0 && (device.noMemory() || device.noMemory())) {
    yield* device.commands.deallocPd(pd);
    return -ERRNO.ENOMEM;
  }
  return pd < 0 ? pd : new ResumeSession(device, pd);
}
