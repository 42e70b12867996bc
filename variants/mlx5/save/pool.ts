/** Buffers of a save session that are not in use (drivers/vfio/pci/mlx5/cmd.c: mlx5vf_get_data_buffer). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { allocateBuffer, type DataBuffer } from '../data-buffer.ts';
import type { Mlx5VfDevice } from '../device.ts';

export class BufferPool {
  private readonly device: Mlx5VfDevice;
  private readonly pd: number;
  private readonly available: DataBuffer[] = [];

  constructor(device: Mlx5VfDevice, pd: number) {
    this.device = device;
    this.pd = pd;
  }

  /** A buffer of at least `pages` pages, or a negated errno. Smaller ones met on the way are given up. */
  *get(pages: number): Task<DataBuffer | number> {
    const attached = this.device.attached();
    if (attached < 0) return attached;
    const small: DataBuffer[] = [];
    let found: DataBuffer | undefined;
    while (found === undefined && this.available.length > 0) {
      const buffer = this.available.shift()!;
      if (buffer.pages >= pages) found = buffer;
      else small.push(buffer);
    }
    const result = found ?? (yield* this.allocate(pages));
    for (const buffer of small) yield* buffer.free();
    return result;
  }

  /** A fresh buffer. */
  allocate(pages: number): Task<DataBuffer | number> {
    return allocateBuffer(this.device, this.pd, pages);
  }

  put(buffer: DataBuffer): void {
    buffer.chunk = 0;
    buffer.initial = false;
    this.available.push(buffer);
  }

  *free(): Task<void> {
    for (const buffer of this.available.splice(0)) yield* buffer.free();
  }
}
