/**
 * A buffer of a migration session: kernel pages that the PF reaches through a memory key of the session's protection
 * domain (drivers/vfio/pci/mlx5/cmd.c: mlx5vf_alloc_data_buffer, mlx5vf_add_migration_pages). The pages are not zeroed:
 * what nobody wrote must not be read.
 */
import { Oops } from '../../src/kernel/oops.ts';
import type { DmaBuffer } from '../../src/kernel/pci/dma-buffer.ts';
import type { Task } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { Untrusted } from '../../src/variant/untrusted.ts';
import type { ByteSink } from '../../src/variant/untrusted-bytes.ts';
import { PAGE } from './core/object-commands.ts';
import type { Mlx5VfDevice } from './device.ts';
import type { ImagePages } from './parent.ts';

/** Pages that `bytes` need. */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE);
}

export class DataBuffer implements ByteSink, ImagePages {
  /** The card’s key for the pages; 0: not mapped. */
  mkey = 0;
  /** Pages the buffer has, and how many of them the key covers. */
  pages = 0;
  mapped = 0;
  /** Which of the two stop-copy buffers of chunk mode this is, from 1; 0: none. */
  chunk = 0;
  /** What will be saved into it counts as initial bytes (after a REINIT). */
  initial = false;
  private readonly device: Mlx5VfDevice;
  private readonly pd: number;
  private readonly runs: DmaBuffer[] = [];

  constructor(device: Mlx5VfDevice, pd: number) {
    this.device = device;
    this.pd = pd;
  }

  /** Adds pages; 0, or ENOMEM, and then none were added. */
  addPages(count: number): number {
    if (count === 0) return 0;
    // The list of pages, and the pages (mlx5vf_add_migration_pages).
    if (this.device.noMemory() || this.device.noMemory()) return -ERRNO.ENOMEM;
    const run = this.device.card.allocatePages(count * PAGE);
    const result = this.append(run);
    if (result < 0) {
      run.free();
      return result;
    }
    this.pages += count;
    return 0;
  }

  /** Makes pages part of the buffer (sg_alloc_append_table_from_pages). 0, or ENOMEM. */
  append(run: DmaBuffer): number {
    if (this.device.noMemory()) return -ERRNO.ENOMEM;
    this.runs.push(run);
    return 0;
  }

  /** Lets the card reach the first `count` pages, all of them unless said otherwise. 0, or a negated errno. */
  *map(count = this.pages): Task<number> {
    if (this.mapped >= count) return 0;
    const gone = yield* this.unmap();
    if (gone < 0) return gone;
    // The command is as long as the list of pages.
    if (this.device.noMemory()) return -ERRNO.ENOMEM;
    const key = yield* this.device.parent.call('createMkey', { pd: this.pd, pages: this.cover(count) });
    if (key < 0) return key;
    this.mkey = key;
    this.mapped = count;
    return 0;
  }

  *unmap(): Task<number> {
    if (this.mkey === 0) return 0;
    const result = yield* this.device.parent.call('destroyMkey', { mkey: this.mkey });
    this.mkey = 0;
    this.mapped = 0;
    return result;
  }

  /** Gives key and pages back. */
  *free(): Task<void> {
    yield* this.unmap();
    for (const run of this.runs) run.free();
    this.runs.length = 0;
    this.pages = 0;
  }

  /** The buffer as an argument of LOAD: what is in it, nobody but the card will judge. */
  get contents(): Untrusted<ImagePages> {
    return this as unknown as Untrusted<ImagePages>;
  }

  write(offset: number, bytes: Uint8Array): void {
    // Mostly all pages were allocated together.
    const [only] = this.runs;
    if (this.runs.length === 1 && offset + bytes.length <= only!.length) only!.write(offset, bytes);
    else this.eachRun(offset, bytes, (run, at, part) => run.write(at, part));
  }

  read(offset: number, into: Uint8Array): void {
    const [only] = this.runs;
    if (this.runs.length === 1 && offset + into.length <= only!.length) only!.read(offset, into);
    else this.eachRun(offset, into, (run, at, part) => run.read(at, part));
  }

  private eachRun(
    offset: number,
    bytes: Uint8Array,
    move: (run: DmaBuffer, at: number, part: Uint8Array) => void,
  ): void {
    let at = offset;
    let done = 0;
    for (const run of this.runs) {
      if (at >= run.length) {
        at -= run.length;
        continue;
      }
      const count = Math.min(run.length - at, bytes.length - done);
      move(run, at, count === bytes.length ? bytes : bytes.subarray(done, done + count));
      done += count;
      if (done === bytes.length) return;
      at = 0;
    }
    throw new Oops(`mlx5: ${offset} + ${bytes.length} lies outside a buffer of ${this.pages} pages`);
  }

  private cover(pages: number): { iova: number; length: number }[] {
    let left = pages * PAGE;
    const runs = [];
    for (const { iova, length } of this.runs) {
      if (left === 0) break;
      const part = Math.min(left, length);
      runs.push({ iova, length: part });
      left -= part;
    }
    return runs;
  }
}

/** A new buffer of `pages` mapped pages, or a negated errno. */
export function* allocateBuffer(device: Mlx5VfDevice, pd: number, pages: number): Task<DataBuffer | number> {
  if (device.detached) return -ERRNO.ENOTCONN;
  if (device.noMemory()) return -ERRNO.ENOMEM;
  const buffer = new DataBuffer(device, pd);
  const added = buffer.addPages(pages);
  const result = added < 0 ? added : yield* buffer.map();
  if (result === 0) return buffer;
  yield* buffer.free();
  return result;
}
