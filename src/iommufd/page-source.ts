/** Where the memory behind a mapping comes from (struct iopt_pages: type): a process, a memory file, or a dma-buf. */
import type { PinnedRun } from '../kernel/address-space.ts';
import type { DmaBufExport } from '../kernel/dma-buf.ts';
import type { FileReference } from '../kernel/file.ts';
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
  /** Somebody maps it; `revoked` is called if an exporter takes the memory away. */
  open?(revoked: () => void): void;
  /** Nobody maps it any more. */
  close?(): void;
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

/** A memory file, held open. `start` is the offset of its first mapped page. */
export function filePages(reference: FileReference, file: MemFile, start: number): PageSource {
  return {
    kind: 'file',
    pin: (offset, length) => file.pin(start + offset, length) ?? -ERRNO.EINVAL,
    keep: (run) => file.keep(run),
    release: (run) => file.unkeep(run),
    copy: (offset, bytes, write) => file.copy(start + offset, bytes, write),
    open: () => reference.get(),
    close: () => reference.put(),
  };
}

/** A file that is no memory: it is found out when pages are wanted (memfd_pin_folios). */
export const NO_PAGES: PageSource = {
  kind: 'file',
  pin: () => -ERRNO.EINVAL,
  keep: () => {},
  release: () => {},
  copy: () => false,
};

/** Memory of a device, its dma-buf held open. There is nothing to pin and nothing the CPU may read. */
export class DmaBufPages implements PageSource {
  readonly kind = 'dma-buf';
  private readonly reference: FileReference;
  private readonly buffer: DmaBufExport;
  private readonly start: number;
  private forget: (() => void) | undefined;

  /** `start` is the offset of the first mapped page. */
  constructor(reference: FileReference, buffer: DmaBufExport, start: number) {
    this.reference = reference;
    this.buffer = buffer;
    this.start = start;
  }

  pin(offset: number, length: number): PinnedRun[] | number {
    const physical = this.buffer.physical();
    if (physical === undefined) return -ERRNO.ENODEV;
    return [{ physical: physical + this.start + offset, length, charged: false }];
  }

  keep(): void {}

  release(): void {}

  copy(): boolean {
    return false;
  }

  open(revoked: () => void): void {
    this.reference.get();
    this.forget = this.buffer.onRevoke(revoked);
  }

  close(): void {
    this.forget?.();
    this.reference.put();
  }
}
