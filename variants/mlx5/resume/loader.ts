/** What each record of a stream does to a resume session (drivers/vfio/pci/mlx5/main.c: mlx5vf_resume_write and following). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import type { CheckedValues } from '../../../src/variant/field.ts';
import type { Untrusted } from '../../../src/variant/untrusted.ts';
import { byteLength, store } from '../../../src/variant/untrusted-bytes.ts';
import { DataBuffer, pagesFor } from '../data-buffer.ts';
import type { Mlx5VfDevice } from '../device.ts';
import type { MLX5_FORMAT } from '../format.ts';
import { SAFEGUARDS } from '../safeguards.ts';

type Header = CheckedValues<(typeof MLX5_FORMAT)['definition']['header']>;

/** The buffer that images are gathered in, and the records that fill it. */
export class ImageLoader {
  buffer: DataBuffer;
  /** Bytes of the buffer that hold data of the current image. */
  filled = 0;
  private readonly device: Mlx5VfDevice;
  private readonly pd: number;
  /** What the source announced for its final image: pages are made ready for that much. */
  private announced = 0;

  constructor(device: Mlx5VfDevice, pd: number) {
    this.device = device;
    this.pd = pd;
    this.buffer = new DataBuffer(device, pd);
  }

  /** STOP_COPY_SIZE: a hint. */
  readonly STOP_COPY_SIZE = {
    end: ({ stop_copy_size }: { readonly stop_copy_size: bigint }): number => {
      this.announced = Number(stop_copy_size);
      return 0;
    },
  };

  /** FW_DATA: gathered, and loaded the moment it is complete. */
  readonly FW_DATA = {
    begin: (header: Header): number => this.prepare(Number(header.record_size)),
    data: (bytes: Untrusted<Uint8Array>, offset: number): number => this.gather(bytes, offset),
    end: (header: Header): Task<number> => this.load(Number(header.record_size)),
  };

  /** Makes sure of pages for an image of `size` bytes; 0, or ENOMEM. */
  prepare(size: number): number {
    this.filled = 0;
    const pages = pagesFor(Math.max(size, this.announced));
    if (this.buffer.pages >= pages) return 0;
    if (this.device.noMemory()) return -ERRNO.ENOMEM;
    this.outgrown.push(this.buffer);
    this.buffer = new DataBuffer(this.device, this.pd);
    return this.buffer.addPages(pages);
  }

  gather(bytes: Untrusted<Uint8Array>, offset: number): number {
    store(bytes, this.buffer, offset);
    this.filled = offset + byteLength(bytes);
    return 0;
  }

  /** LOAD_VHCA_STATE with exactly the bytes that were written. */
  *load(size: number): Task<number> {
    if (!SAFEGUARDS.IMAGE_HAS_PAGES.holds(this.buffer.pages, undefined)) return -ERRNO.EINVAL;
    yield* this.releaseOutgrown();
    // The card gets a key to as many pages as the record has, not to all that were announced.
    const mapped = yield* this.buffer.map(Math.max(1, pagesFor(size)));
    return mapped < 0 ? mapped : yield* this.device.commands.load(this.buffer, this.filled);
  }

  *free(): Task<void> {
    yield* this.releaseOutgrown();
    yield* this.buffer.free();
  }

  /** Buffers that were too small; giving back their keys may sleep. */
  private readonly outgrown: DataBuffer[] = [];

  private *releaseOutgrown(): Task<void> {
    for (const buffer of this.outgrown.splice(0)) yield* buffer.free();
  }
}
