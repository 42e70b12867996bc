/** An address space of an iommufd as it must be (io_pagetable.c of Linux 7.3): plain lists, looked through each time. */
import type { Process } from '../../kernel/process.ts';
import type { ReferencePages } from './io-pages.ts';
import { allocateIova, outside, type Range } from './iova-allocation.ts';
import * as U from './u64.ts';

export interface ReferenceArea {
  start: bigint;
  last: bigint;
  readonly pages: ReferencePages;
  /** Bytes from its first page. */
  readonly offset: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Held for page tables. */
  pinned: boolean;
  /** Asked back from emulated devices, which get no more of it. */
  closed: boolean;
}

export interface Piece {
  readonly pages: ReferencePages;
  readonly offset: number;
  readonly length: bigint;
}

/** What the address space needs to know of those around it. */
export interface Surroundings {
  /** How many pages more whoever pays for `pages` may have. */
  room(pages: ReferencePages): number;
  /** The emulated device gives back what touches the range. */
  giveBack(ioas: ReferenceIoas, first: bigint, last: bigint): void;
}

/** A page table that shows the address space. */
export interface ShownBy {
  readonly smallestPage: bigint;
  readonly apertureFirst: bigint;
  readonly apertureLast: bigint;
  /** IOVAs of pages that were written, while it tracks. */
  readonly dirty: Set<bigint>;
}

/** Pages that an emulated device holds, or a hardware queue, which lets nobody unmap them. */
export interface ReferenceHold {
  readonly area: ReferenceArea;
  readonly first: number;
  readonly last: number;
  locked: boolean;
}

export class ReferenceIoas {
  id = 0;
  areas: ReferenceArea[] = [];
  allowed: readonly Range[] = [];
  hugePagesOff = false;
  /** Page tables, in order of making. */
  readonly tables: ShownBy[] = [];
  /** Attached devices that keep the message window to themselves. */
  devices = 0;
  /** Emulated devices. */
  accesses = 0;
  /** What emulated devices hold: which pages of which area. */
  readonly holds: ReferenceHold[] = [];
  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  get alignment(): bigint {
    let alignment = this.hugePagesOff || this.accesses > 0 ? U.PAGE : 1n;
    for (const { smallestPage } of this.tables) if (smallestPage > alignment) alignment = smallestPage;
    return alignment;
  }

  get reserved(): Range[] {
    const list: Range[] = this.devices > 0 ? [[U.MSI_FIRST, U.MSI_LAST]] : [];
    for (const { apertureFirst, apertureLast } of this.tables) list.push(...outside(apertureFirst, apertureLast));
    return list;
  }

  /** What IOVA_RANGES lists. */
  get usable(): Range[] {
    const list: Range[] = [];
    let next = 0n;
    for (const [first, last] of this.reserved.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
      if (first > next) list.push([next, first - 1n]);
      if (last >= next) next = last + 1n;
    }
    if (next <= U.TOP) list.push([next, U.TOP]);
    return list;
  }

  at(iova: bigint): ReferenceArea | undefined {
    return this.areas.find(({ start, last }) => start <= iova && iova <= last);
  }

  /** The IOVA, or an errno with nothing changed. */
  map(pieces: readonly Piece[], iova: bigint | undefined, read: boolean, write: boolean): bigint | number {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0n);
    const start = this.place(pieces[0]!, length, iova);
    if (typeof start === 'number') return start;
    const { alignment } = this;
    for (const { pages, offset } of pieces) {
      if (write && !pages.writable) return -U.EPERM;
      if (BigInt(offset % 4096) % alignment !== 0n) return -U.EINVAL;
    }
    const made: ReferenceArea[] = [];
    let next = start;
    for (const { pages, offset, length: bytes } of pieces) {
      const area = { start: next, last: next + bytes - 1n, pages, offset, read, write, pinned: false, closed: false };
      const error = this.tables.length === 0 ? 0 : this.pin(area) || (read || write ? 0 : -U.EINVAL);
      if (error !== 0) {
        if (area.pinned) this.unpin(area);
        for (const undone of made) this.unpin(undone);
        return error;
      }
      made.push(area);
      next += bytes;
    }
    for (const area of made) area.pages.areas++;
    this.areas = [...this.areas, ...made].sort((a, b) => (a.start < b.start ? -1 : 1));
    return start;
  }

  /** What is behind a range without a gap. */
  pieces(first: bigint, last: bigint): Piece[] | number {
    const pieces: Piece[] = [];
    for (let next = first; next <= last; ) {
      const area = this.at(next);
      if (area === undefined) return -U.ENOENT;
      const end = area.last < last ? area.last : last;
      pieces.push({ pages: area.pages, offset: area.offset + Number(next - area.start), length: end - next + 1n });
      next = end + 1n;
    }
    return pieces;
  }

  /** Bytes that went, and why no more did. */
  unmap(first: bigint, last: bigint): { readonly error: number; readonly bytes: bigint } {
    let bytes = 0n;
    for (const area of this.areas.filter((a) => U.overlap(a.start, a.last, first, last))) {
      if (this.holds.some((hold) => hold.area === area && hold.locked)) return { error: -U.EBUSY, bytes };
      if (area.start < first || area.last > last) return { error: -U.ENOENT, bytes };
      if (this.holds.some((hold) => hold.area === area)) {
        area.closed = true;
        this.around.giveBack(this, area.start, area.last);
      }
      bytes += area.last - area.start + 1n;
      this.remove(area);
    }
    return { error: 0, bytes };
  }

  /** Makes `last` the last byte of a mapping. */
  cut(last: bigint): number {
    const area = this.at(last);
    if (area === undefined || area.last === last || area.start === last) return 0;
    if (area.closed) return -U.EBUSY;
    if (area.pages.source.kind === 'dma-buf') return -U.EOPNOTSUPP;
    const at = last + 1n;
    const offset = area.offset + Number(at - area.start);
    const { alignment } = this;
    if (at % alignment !== 0n || BigInt(offset) % alignment !== 0n) return -U.EINVAL;
    if (this.holds.some((hold) => hold.area === area)) return -U.EINVAL;
    if (area.pinned && !this.hugePagesOff) return -U.EINVAL;
    const upper: ReferenceArea = { ...area, start: at, offset };
    if (area.pinned) {
      const { pages } = area;
      const before = span(area);
      area.last = last;
      for (const part of [area, upper]) pages.pin(...span(part), Number.POSITIVE_INFINITY);
      pages.unpin(...before);
    } else area.last = last;
    area.pages.areas++;
    this.areas = [...this.areas, upper].sort((a, b) => (a.start < b.start ? -1 : 1));
    return 0;
  }

  /** A page table shows everything from now on: 0, or an errno with nothing changed. */
  show(table: ShownBy): number {
    const alignment = table.smallestPage > this.alignment ? table.smallestPage : this.alignment;
    if (alignment > U.PAGE) return -U.EINVAL;
    if (!this.fits(alignment)) return -U.EADDRINUSE;
    const ranges = outside(table.apertureFirst, table.apertureLast);
    if (ranges.some(([first, last]) => this.inUse(first, last))) return -U.EADDRINUSE;
    const done: ReferenceArea[] = [];
    for (const area of this.areas) {
      const error = (area.pinned ? 0 : this.pinFor(area, done)) || (area.read || area.write ? 0 : -U.EINVAL);
      if (error === 0) continue;
      for (const undone of done) this.unpin(undone);
      return error;
    }
    this.tables.push(table);
    return 0;
  }

  hide(table: ShownBy): void {
    this.tables.splice(this.tables.indexOf(table), 1);
    if (this.tables.length === 0) for (const area of this.areas) this.unpin(area);
  }

  /** Are all mappings made of such units? */
  fits(alignment: bigint): boolean {
    if (alignment <= this.alignment) return true;
    return this.areas.every(
      ({ start, last, offset }) =>
        start % alignment === 0n && (last + 1n - start) % alignment === 0n && BigInt(offset % 4096) % alignment === 0n,
    );
  }

  /** Mapped, or allowed to be chosen. */
  inUse(first: bigint, last: bigint): boolean {
    return (
      this.areas.some((area) => U.overlap(area.start, area.last, first, last)) ||
      this.allowed.some((range) => U.overlap(range[0], range[1], first, last))
    );
  }

  /** An emulated device pins; -errno and nothing pinned. */
  hold(iova: bigint, length: bigint, write: boolean): number {
    const done: ReferenceHold[] = [];
    const error = this.walk(iova, length, (area, first, last) => {
      const at = area.offset + Number(first - area.start);
      if (area.closed || at % 4096 !== 0) return -U.EINVAL;
      if (write ? !area.write : !area.read) return -U.EPERM;
      if (area.pages.source.kind === 'dma-buf') return -U.EINVAL;
      const [from, to] = [at / 4096, Math.floor((at + Number(last - first)) / 4096)];
      const refused = area.pages.pin(from, to, this.around.room(area.pages));
      if (refused === 0) done.push({ area, first: from, last: to, locked: false });
      return refused;
    });
    if (error === 0) this.holds.push(...done);
    else for (const { area, first, last } of done) area.pages.unpin(first, last);
    return error;
  }

  /** It gives back what it pinned by the same range. */
  release(iova: bigint, length: bigint): void {
    this.walk(iova, length, (area, first, last) => {
      const page = (at: bigint): number => Math.floor((area.offset + Number(at - area.start)) / 4096);
      const index = this.holds.findIndex(
        (h) => !h.locked && h.area === area && h.first === page(first) && h.last === page(last),
      );
      if (index < 0) return 0;
      const [hold] = this.holds.splice(index, 1);
      area.pages.unpin(hold!.first, hold!.last);
      return 0;
    });
  }

  /** What a hardware queue held is free again. */
  unlock(holds: readonly ReferenceHold[]): void {
    for (const hold of holds) {
      this.holds.splice(this.holds.indexOf(hold), 1);
      hold.area.pages.unpin(hold.first, hold.last);
    }
  }

  /** Each area of a range and the part of it, until an error, or a gap: ENOENT. */
  walk(iova: bigint, length: bigint, use: (area: ReferenceArea, first: bigint, last: bigint) => number): number {
    if (length === 0n) return -U.EINVAL;
    if (U.wraps(iova, length)) return -U.EOVERFLOW;
    const last = iova + length - 1n;
    for (let next = iova; next <= last; ) {
      const area = this.at(next);
      if (area === undefined) return -U.ENOENT;
      const end = area.last < last ? area.last : last;
      const error = use(area, next, end);
      if (error !== 0) return error;
      next = end + 1n;
    }
    return 0;
  }

  private place(first: Piece, length: bigint, iova: bigint | undefined): bigint | number {
    const { alignment } = this;
    if (length === 0n || length % alignment !== 0n) return -U.EINVAL;
    if (iova === undefined) return allocateIova(this, first.pages.origin + BigInt(first.offset), length);
    if (iova % alignment !== 0n) return -U.EINVAL;
    if (U.wraps(iova, length)) return -U.EOVERFLOW;
    const last = iova + length - 1n;
    if (this.reserved.some((range) => U.overlap(range[0], range[1], iova, last))) return -U.EINVAL;
    return this.areas.some((area) => U.overlap(area.start, area.last, iova, last)) ? -U.EEXIST : iova;
  }

  private pin(area: ReferenceArea): number {
    const error = area.pages.pin(...span(area), this.around.room(area.pages));
    area.pinned = error === 0;
    return error;
  }

  private pinFor(area: ReferenceArea, done: ReferenceArea[]): number {
    const error = this.pin(area);
    if (error === 0) done.push(area);
    return error;
  }

  private unpin(area: ReferenceArea): void {
    if (area.pinned) area.pages.unpin(...span(area));
    area.pinned = false;
  }

  /** What page tables noted of a mapping goes with its entries. */
  forget({ start, last }: ReferenceArea): void {
    for (const { dirty } of this.tables)
      for (const page of [...dirty]) if (page >= start && page <= last) dirty.delete(page);
  }

  private remove(area: ReferenceArea): void {
    this.unpin(area);
    this.forget(area);
    area.pages.areas--;
    this.areas = this.areas.filter((other) => other !== area);
  }
}

/** First and last page of an area. */
export function span({ offset, start, last }: ReferenceArea): [first: number, last: number] {
  return [Math.floor(offset / 4096), Math.floor((offset + Number(last - start)) / 4096)];
}

/** Who pays in a mode, for whoever maps. */
export const payerOf = (process: Process, mode: 'user' | 'mm'): 'user' | 'mm' | 'none' =>
  process.capabilities.has('CAP_IPC_LOCK') ? 'none' : mode;
