/** Where the memory behind a mapping comes from (struct iopt_pages: type): a process, a memory file, or a dma-buf. */
import type { PinnedRun } from '../kernel/address-space.ts';
import type { DmaBufExport } from '../kernel/dma-buf.ts';
import type { MemFile } from '../kernel/memfd.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';

/** Offsets and lengths are bytes from the source's first page. */
export interface PageSource {
  readonly kind: 'user' | 'file' | 'dma-buf';
  /** Physical runs of whole pages, or a negated errno. */
  pin(offset: number, length: number, write: boolean): PinnedRun[] | number;
  keep(run: PinnedRun): void;
  release(run: PinnedRun): void;
  /** CPU access for kernel users of the mapping; false: EFAULT. */
  copy(offset: number, bytes: Uint8Array, write: boolean): boolean;
}

/** Memory of a process. Mapped device memory has no pages to pin here (GUP refuses VM_PFNMAP): a dma-buf is the way. */
export function userPages(process: Process, address: number): PageSource {
  const { memory } = process;
  return {
    kind: 'user',
    pin(offset, length, write) {
      const runs = memory.pin(address + offset, length, write);
      return runs?.every((run) => run.charged) ? runs : -ERRNO.EFAULT;
    },
    keep: (run) => memory.keep(run),
    release: (run) => memory.release(run.physical),
    copy: (offset, bytes, write) =>
      write ? memory.write(address + offset, bytes) : memory.readInto(address + offset, bytes),
  };
}

/** A memory file. `start` is the offset of its first mapped page. */
export function filePages(file: MemFile, start: number): PageSource {
  return {
    kind: 'file',
    pin: (offset, length) => file.pin(start + offset, length) ?? -ERRNO.EINVAL,
    keep: (run) => file.keep(run),
    release: (run) => file.unkeep(run),
    copy: (offset, bytes, write) => file.copy(start + offset, bytes, write),
  };
}

/** Memory of a device. There is nothing to pin and nothing the CPU may read. */
export function dmaBufPages(buffer: DmaBufExport, start: number): PageSource {
  return {
    kind: 'dma-buf',
    pin(offset, length) {
      const physical = buffer.physical();
      if (physical === undefined) return -ERRNO.ENODEV;
      return [{ physical: physical + start + offset, length, charged: false }];
    },
    keep: () => {},
    release: () => {},
    copy: () => false,
  };
}
