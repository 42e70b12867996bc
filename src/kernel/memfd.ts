/** memfd_create(2): a file that is nothing but memory (mm/shmem.c). */
import type { Extent, PhysicalMemory } from '../../sim/memory.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { PinnedRun } from './address-space.ts';
import { zeroedBytes } from './bytes.ts';
import type { Backing, MmapRequest, OpenFile } from './file.ts';
import type { Process } from './process.ts';

/** A memory file of fixed length. Its pages live as long as a descriptor, a mapping or a pin does. */
export class MemFile implements OpenFile {
  readonly name = 'memfd:';
  /** Bytes. */
  readonly length: number;
  private readonly memory: PhysicalMemory;
  private readonly extent: Extent;
  private position = 0;

  constructor(memory: PhysicalMemory, owner: string, length: number) {
    this.memory = memory;
    this.length = length;
    this.extent = memory.allocate(owner, Math.max(length, 1), length >= 0x20_0000 ? 0x20_0000 : undefined);
  }

  read(caller: Process, address: number, length: number, position: number | undefined): number {
    const at = position ?? this.position;
    const count = Math.max(0, Math.min(length, this.length - at));
    const bytes = zeroedBytes(count);
    this.copy(at, bytes, false);
    if (!caller.copyToUser(address, bytes)) return -ERRNO.EFAULT;
    if (position === undefined) this.position += count;
    return count;
  }

  write(caller: Process, address: number, length: number, position: number | undefined): number {
    const at = position ?? this.position;
    const count = Math.min(length, this.length - at);
    if (count <= 0) return length === 0 ? 0 : -ERRNO.ENOSPC;
    const bytes = caller.copyFromUser(address, count);
    if (bytes === undefined) return -ERRNO.EFAULT;
    this.copy(at, bytes, true);
    if (position === undefined) this.position += count;
    return count;
  }

  mmap(_caller: Process, { offset }: MmapRequest): Backing {
    return {
      ordinary: true,
      load: (at, into) => at + offset + into.length <= this.extent.length && this.copy(at + offset, into, false),
      store: (at, bytes) => at + offset + bytes.length <= this.extent.length && this.copy(at + offset, bytes, true),
      physical: (at) => (at + offset < this.extent.length ? this.extent.start + at + offset : undefined),
    };
  }

  release(): void {
    this.memory.free(this.extent);
  }

  /** Physical runs of whole pages from `offset` on; undefined if the last ends beyond the file (memfd_pin_folios). */
  pin(offset: number, length: number): PinnedRun[] | undefined {
    if (offset + length > this.length) return undefined;
    return [{ physical: this.extent.start + offset, length, charged: true }];
  }

  keep(run: PinnedRun): void {
    this.memory.pin(run.physical);
  }

  unkeep(run: PinnedRun): void {
    this.memory.unpin(run.physical);
  }

  copy(offset: number, bytes: Uint8Array, write: boolean): boolean {
    return write ? this.memory.store(this.extent, offset, bytes) : this.memory.load(this.extent, offset, bytes);
  }
}
