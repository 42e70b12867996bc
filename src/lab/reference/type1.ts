/** What a container with type1 must answer and hold (vfio_iommu_type1.c of Linux 7.3), written page by page and without
 * regard to speed: what the lab holds the real one against. */
import type { AddressSpace } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import {
  type BitmapArgument,
  bytesOf,
  chargedOf,
  checkBitmap,
  last,
  limitOf,
  min,
  type Type1Entry,
} from './type1-entry.ts';
import { Type1Pins } from './type1-pins.ts';
import * as U from './u64.ts';
import { type UserPage, userPage } from './user-page.ts';

const FLAG = { READ: 1, WRITE: 2, VADDR: 4 } as const;
const UNMAP = { DIRTY: 1, ALL: 2, VADDR: 4 } as const;
const DIRTY = { START: 1, STOP: 2, GET: 4 } as const;
const MAX_BITMAP_PAGES = 0x7fff_ffffn;

export class Type1Reference {
  readonly v2: boolean;
  readonly limit: number;
  /** Last IOVA that the IOMMU translates. */
  readonly apertureFirst: bigint;
  readonly apertureLast: bigint;
  entries: Type1Entry[] = [];
  /** Groups with an IOMMU that are attached, and those that must be taken to write anything they reach. */
  translated = 0;
  emulated = 0;
  /** There was an IOMMU once: since then mappings beyond the reach of another one are in its way. */
  limited = false;
  /** Emulated devices that are open. */
  listeners = 0;
  tracking = false;
  /** Pages of emulated devices. */
  readonly pins = new Type1Pins(this);
  /** A query began within a word: bits of it may still stand behind mappings (vfio_iommu_type1.c: update_user_bitmap). */
  shifted = false;

  constructor(v2: boolean, limit: number, aperture: readonly [number, number]) {
    this.v2 = v2;
    this.limit = limit;
    this.apertureFirst = BigInt(aperture[0]);
    this.apertureLast = BigInt(aperture[1]);
  }

  get active(): boolean {
    return this.translated + this.emulated > 0;
  }

  get invalid(): boolean {
    return this.entries.some((entry) => entry.invalid);
  }

  find(start: bigint, size: bigint): Type1Entry | undefined {
    return this.entries.find((e) => U.overlap(e.start, last(e), start, start + size - 1n));
  }

  /** MAP_DMA. */
  map(process: Process, argsz: number, flags: number, vaddr: bigint, iova: bigint, size: bigint): number {
    // Without a group there is no IOMMU driver.
    if (!this.active) return -U.EINVAL;
    if (argsz < 32 || (flags & ~7) !== 0 || size === 0n) return -U.EINVAL;
    if (U.wraps(iova, size) || U.wraps(vaddr, size)) return -U.EOVERFLOW;
    const update = (flags & FLAG.VADDR) !== 0;
    if (update === ((flags & 3) !== 0)) return -U.EINVAL;
    if ((size | iova | vaddr) % U.PAGE !== 0n) return -U.EINVAL;
    if (update) return this.restore(process, vaddr, iova, size);
    if (this.find(iova, size) !== undefined) return -U.EEXIST;
    if (this.entries.length >= this.limit) return -U.ENOSPC;
    if (this.translated > 0 && !this.usable(iova, iova + size - 1n)) return -U.EINVAL;
    const entry: Type1Entry = {
      start: iova,
      size,
      read: (flags & FLAG.READ) !== 0,
      write: (flags & FLAG.WRITE) !== 0,
      vaddr,
      process,
      mm: process.memory,
      unlimited: process.capabilities.has('CAP_IPC_LOCK'),
      invalid: false,
      pages: undefined,
      pins: new Map(),
      dirty: new Set(),
    };
    if (this.translated > 0) {
      const error = this.pin(entry);
      if (error !== 0) return error;
    }
    if (this.tracking && size / U.PAGE > MAX_BITMAP_PAGES) return -U.EINVAL;
    this.entries.push(entry);
    this.entries.sort((a, b) => (a.start < b.start ? -1 : 1));
    return 0;
  }

  /** UNMAP_DMA: bytes, or a negated errno. */
  unmap(argsz: number, flags: number, iova: bigint, size: bigint, bitmap: BitmapArgument): number {
    if (!this.active || argsz < 24 || (flags & ~7) !== 0) return -U.EINVAL;
    const dirty = (flags & UNMAP.DIRTY) !== 0;
    const all = (flags & UNMAP.ALL) !== 0;
    const vaddr = (flags & UNMAP.VADDR) !== 0;
    if (dirty && (all || vaddr)) return -U.EINVAL;
    if (dirty) {
      if (argsz < 48) return -U.EINVAL;
      const bad = checkBitmap(bitmap, size);
      if (bad !== 0) return bad;
    }
    if (vaddr && this.emulated > 0) return -U.EBUSY;
    if (iova % U.PAGE !== 0n) return -U.EINVAL;
    if (all ? iova !== 0n || size !== 0n : size === 0n || size % U.PAGE !== 0n) return -U.EINVAL;
    if (!all && U.wraps(iova, size)) return -U.EOVERFLOW;
    if (dirty && (!this.tracking || bitmap.pageSize !== U.PAGE)) return -U.EINVAL;
    const end = all ? U.TOP : iova + size - 1n;
    if (this.v2 && !all && this.cuts(iova, end)) return -U.EINVAL;
    const touched = this.taken(iova, end);
    if (vaddr) {
      if (touched.some((entry) => entry.invalid)) return -U.EINVAL;
      for (const entry of touched) entry.invalid = true;
      return bytesOf(touched);
    }
    if (dirty) {
      if (touched.some((entry) => ((entry.start - iova) / U.PAGE) % 64n !== 0n)) this.shifted = true;
      if (!bitmap.good && touched.length > 0) {
        this.pins.giveBackFirst(touched);
        return -U.EFAULT;
      }
    }
    for (const entry of touched) {
      // The emulated device is asked first, and gives everything back.
      this.pins.giveBack(entry.start, last(entry));
      this.drop(entry);
    }
    return bytesOf(touched);
  }

  /** The mappings that an unmap of [iova, last] takes: of version 1 none that began before, and none behind such a one. */
  taken(iova: bigint, end: bigint): Type1Entry[] {
    const touched = this.entries.filter((e) => U.overlap(e.start, last(e), iova, end));
    return !this.v2 && touched[0] !== undefined && touched[0].start < iova ? [] : touched;
  }

  /** DIRTY_PAGES. */
  dirtyPages(argsz: number, flags: number, iova: bigint, size: bigint, bitmap: BitmapArgument): number {
    if (!this.active) return -U.EINVAL;
    if (!this.v2) return -U.EACCES;
    if (argsz < 8) return -U.EINVAL;
    if (flags === DIRTY.START) return this.start();
    if (flags === DIRTY.STOP) {
      this.tracking = this.shifted = false;
      for (const entry of this.entries) entry.dirty.clear();
      return 0;
    }
    if (flags !== DIRTY.GET || argsz < 48 || size === 0n) return -U.EINVAL;
    if (U.wraps(iova, size)) return -U.EOVERFLOW;
    const bad = checkBitmap(bitmap, size);
    if (bad !== 0) return bad;
    if (bitmap.pageSize !== U.PAGE || (iova | size) % U.PAGE !== 0n || !this.tracking) return -U.EINVAL;
    if (this.cuts(iova, iova + size - 1n)) return -U.EINVAL;
    const touched = this.entries.filter((e) => U.overlap(e.start, last(e), iova, iova + size - 1n));
    for (const entry of touched) if (((entry.start - iova) / U.PAGE) % 64n !== 0n) this.shifted = true;
    if (touched.length > 0 && !bitmap.good) return -U.EFAULT;
    return 0;
  }

  /** What a bitmap must say of a mapping, before {@link reported}. */
  isDirty(entry: Type1Entry, page: number): boolean {
    return (entry.pages !== undefined && this.unscoped) || entry.dirty.has(page) || entry.pins.has(page);
  }

  /** A query told of the mapping: it is clean but for what is still pinned. */
  reported(entry: Type1Entry): void {
    onlyPinned(entry);
  }

  /** Some device may write whatever is mapped. */
  get unscoped(): boolean {
    return this.translated > 0;
  }

  /** What GET_INFO says can be mapped: nothing as long as there never was an IOMMU. */
  get ranges(): (readonly [first: bigint, last: bigint])[] {
    const { apertureFirst, apertureLast } = this;
    if (this.translated === 0) return this.limited ? [[0n, U.TOP]] : [];
    const list: (readonly [bigint, bigint])[] = [
      [apertureFirst, min(apertureLast, U.MSI_FIRST - 1n)],
      [apertureFirst > U.MSI_LAST ? apertureFirst : U.MSI_LAST + 1n, apertureLast],
    ];
    return list.filter(([first, end]) => first <= end);
  }

  /** A group joins. */
  attach(translated: boolean): number {
    if (this.invalid) return -U.EBUSY;
    if (!translated) {
      this.emulated++;
      return 0;
    }
    if (this.entries.some((e) => U.overlap(e.start, last(e), U.MSI_FIRST, U.MSI_LAST))) return -U.EINVAL;
    const { apertureFirst, apertureLast } = this;
    const again = this.limited && this.translated === 0;
    if (again && this.entries.some((e) => e.start < apertureFirst || last(e) > apertureLast)) return -U.EINVAL;
    if (this.translated === 0) {
      const done: Type1Entry[] = [];
      for (const entry of this.entries) {
        const error = this.pin(entry);
        if (error === 0) {
          done.push(entry);
          continue;
        }
        for (const undone of done) this.unpin(undone);
        return error;
      }
    }
    this.translated++;
    this.limited = true;
    return 0;
  }

  /** A group leaves. */
  detach(translated: boolean): void {
    if (translated) {
      this.translated--;
      if (this.translated === 0) for (const entry of this.entries) this.unpin(entry);
      // What it wrote is not known, so it wrote everything.
      if (this.tracking) for (const entry of this.entries) this.markAll(entry);
    } else this.emulated--;
    if (this.active) return;
    this.entries = [];
    this.pins.held.length = 0;
    this.tracking = this.shifted = this.limited = false;
  }

  /** An emulated device copies; `bytes` above 0. */
  copy(caller: Process | undefined, iova: bigint, length: number, write: boolean): number {
    if (length === 0) return -U.EINVAL;
    if (this.invalid) return -U.EBUSY;
    let at = iova;
    for (let left = BigInt(length); left > 0n; ) {
      const entry = this.find(at, 1n);
      if (entry === undefined) return -U.EINVAL;
      if (!entry.read || (write && !entry.write)) return -U.EPERM;
      if (caller !== undefined && caller.memory !== entry.mm) return -U.EFAULT;
      const count = min(left, last(entry) + 1n - at);
      for (let page = (at - entry.start) / U.PAGE; page * U.PAGE < at + count - entry.start; page++) {
        if (userPage(entry.mm, Number(entry.vaddr + page * U.PAGE), write) === undefined) return -U.EFAULT;
      }
      if (write && this.tracking)
        for (let page = (at - entry.start) / U.PAGE; page * U.PAGE < at + count - entry.start; page++)
          entry.dirty.add(Number(page));
      at += count;
      left -= count;
    }
    return 0;
  }

  /** What is at an IOVA, as the process that mapped it sees it; false: not all can be read, or some are registers. */
  contents(iova: bigint, into: Uint8Array): boolean {
    for (let done = 0; done < into.length; ) {
      const entry = this.find(iova + BigInt(done), 1n);
      if (entry === undefined) return false;
      const count = Number(min(BigInt(into.length - done), last(entry) + 1n - iova - BigInt(done)));
      const address = Number(entry.vaddr + iova + BigInt(done) - entry.start);
      if (userPage(entry.mm, address, false)?.charged !== true) return false;
      if (!entry.mm.readInto(address, into.subarray(done, done + count))) return false;
      done += count;
    }
    return true;
  }

  /** locked_vm of an address space. */
  locked(mm: AddressSpace): number {
    let pages = 0;
    for (const entry of this.entries) if (entry.mm === mm) pages += chargedOf(entry);
    return pages;
  }

  private restore(process: Process, vaddr: bigint, iova: bigint, size: bigint): number {
    const entry = this.find(iova, size);
    if (entry === undefined) return -U.ENOENT;
    if (!entry.invalid || entry.start !== iova || entry.size !== size) return -U.EINVAL;
    if (entry.mm !== process.memory) {
      const unlimited = process.capabilities.has('CAP_IPC_LOCK');
      const charged = chargedOf(entry);
      if (charged > 0 && !unlimited && this.locked(process.memory) + charged > limitOf(process)) return -U.ENOMEM;
      entry.mm = process.memory;
      entry.process = process;
      entry.unlimited = unlimited;
    }
    entry.vaddr = vaddr;
    entry.invalid = false;
    return 0;
  }

  private usable(first: bigint, end: bigint): boolean {
    if (first < this.apertureFirst || end > this.apertureLast) return false;
    return !U.overlap(first, end, U.MSI_FIRST, U.MSI_LAST);
  }

  private cuts(iova: bigint, end: bigint): boolean {
    return this.entries.some((e) => (e.start < iova && last(e) >= iova) || (e.start <= end && last(e) > end));
  }

  /** Page by page, and paid for page by page. */
  private pin(entry: Type1Entry): number {
    const pages: UserPage[] = [];
    let locked = this.locked(entry.mm);
    for (let at = 0n; at < entry.size; at += U.PAGE) {
      const page = userPage(entry.mm, Number(entry.vaddr + at), entry.write);
      if (page === undefined) return -U.EFAULT;
      if (page.charged && !entry.pins.has(pages.length)) {
        if (!entry.unlimited && locked + 1 > limitOf(entry.process)) return -U.ENOMEM;
        locked++;
      }
      pages.push(page);
    }
    entry.pages = pages;
    return 0;
  }

  private unpin(entry: Type1Entry): void {
    entry.pages = undefined;
  }

  private drop(entry: Type1Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
  }

  private start(): number {
    if (this.tracking) return 0;
    if (this.entries.some(({ size }) => size / U.PAGE > MAX_BITMAP_PAGES)) return -U.EINVAL;
    this.tracking = true;
    for (const entry of this.entries) onlyPinned(entry);
    return 0;
  }

  private markAll(entry: Type1Entry): void {
    for (let page = 0; BigInt(page) * U.PAGE < entry.size; page++) entry.dirty.add(page);
  }
}

/** What is pinned at a time may have been written since, also when it is let go later (vfio_dma_populate_bitmap). */
function onlyPinned({ dirty, pins }: Type1Entry): void {
  dirty.clear();
  for (const page of pins.keys()) dirty.add(page);
}
