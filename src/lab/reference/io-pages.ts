/** Memory behind mappings of an iommufd, as the reference has it: every page by itself, with how many hold it. */
import type { AddressSpace } from '../../kernel/address-space.ts';
import type { DmaBufExport } from '../../kernel/dma-buf.ts';
import type { MemFile } from '../../kernel/memfd.ts';
import type { Process, User } from '../../kernel/process.ts';
import * as U from './u64.ts';
import { userPage } from './user-page.ts';

/** Where pages come from. */
export type Source =
  | { readonly kind: 'user'; readonly mm: AddressSpace; readonly address: number }
  | { readonly kind: 'file'; readonly file: MemFile; readonly start: number }
  | { readonly kind: 'dma-buf'; readonly buffer: DmaBufExport; readonly start: number }
  | { readonly kind: 'none' };

/** Who pays: one user, one address space, or nobody. */
export type Payer = 'user' | 'mm' | 'none';

export class ReferencePages {
  readonly source: Source;
  readonly origin: bigint;
  readonly writable: boolean;
  readonly payer: Payer;
  process: Process;
  mm: AddressSpace;
  /** Physical page and holders, by number; a page that was taken away has no address. */
  readonly held = new Map<number, { readonly physical: number | undefined; holders: number }>();
  revoked = false;
  /** Mappings made of it. */
  areas = 0;

  constructor(source: Source, origin: bigint, writable: boolean, payer: Payer, process: Process) {
    this.source = source;
    this.origin = origin;
    this.writable = writable;
    this.payer = payer;
    this.process = process;
    this.mm = process.memory;
  }

  get user(): User {
    return this.process.user;
  }

  /** Pages that somebody has to pay for, or would if he paid. */
  get counted(): number {
    return this.source.kind === 'dma-buf' ? 0 : this.held.size;
  }

  /** Holds pages `first` to `last`: 0, or an errno and none is held. `room` is how many more may be paid for. */
  pin(first: number, last: number, room: number): number {
    const fresh: [number, number | undefined][] = [];
    for (let page = first; page <= last; page++) {
      if (this.held.has(page)) continue;
      const found = this.revoked ? undefined : this.resolve(page);
      if (typeof found === 'number' && found < 0) return found;
      fresh.push([page, found]);
    }
    if (this.source.kind !== 'dma-buf' && this.payer !== 'none' && fresh.length > 0 && fresh.length > room)
      return -U.ENOMEM;
    for (const [page, physical] of fresh) this.held.set(page, { physical, holders: 0 });
    for (let page = first; page <= last; page++) this.held.get(page)!.holders++;
    return 0;
  }

  unpin(first: number, last: number): void {
    for (let page = first; page <= last; page++) {
      const held = this.held.get(page)!;
      if (--held.holders === 0) this.held.delete(page);
    }
  }

  physical(page: number): number | undefined {
    return this.revoked ? undefined : this.held.get(page)?.physical;
  }

  /** What an emulated device reads and writes: the process's memory as it is now, or the file's. False: not all is memory. */
  copy(offset: number, bytes: Uint8Array): boolean {
    const { source } = this;
    if (source.kind === 'user')
      return this.isMemory(offset, bytes.length) && source.mm.readInto(source.address + offset, bytes);
    return source.kind === 'file' && source.file.copy(source.start + offset, bytes, false);
  }

  /** Whether it could be read, or written. */
  reachable(offset: number, length: number, write: boolean): boolean {
    const { source } = this;
    if (source.kind === 'file') return source.start + offset + length <= source.file.length;
    if (source.kind !== 'user') return false;
    const first = Math.floor(offset / 4096);
    const last = Math.floor((offset + length - 1) / 4096);
    for (let page = first; page <= last; page++)
      if (userPage(source.mm, source.address + page * 4096, write) === undefined) return false;
    return true;
  }

  /** Registers need not answer with what was written to them. */
  private isMemory(offset: number, length: number): boolean {
    const { source } = this;
    if (source.kind !== 'user') return false;
    for (let page = Math.floor(offset / 4096); page * 4096 < offset + length; page++)
      if (userPage(source.mm, source.address + page * 4096, false)?.charged !== true) return false;
    return true;
  }

  private resolve(page: number): number {
    const { source } = this;
    if (source.kind === 'none') return -U.EINVAL;
    if (source.kind === 'dma-buf') {
      const base = source.buffer.physical();
      return base === undefined ? -U.ENODEV : base + source.start + page * 4096;
    }
    if (source.kind === 'file') {
      const run = source.file.pin(source.start + page * 4096, 4096)?.[0];
      return run?.physical ?? -U.EINVAL;
    }
    const found = userPage(source.mm, source.address + page * 4096, this.writable);
    return found?.charged ? found.physical : -U.EFAULT;
  }
}
