/**
 * The mappings of one IOAS, kept equal in every page table that shows it (io_pagetable.c). Invariants: areas are
 * disjoint and touch no reserved range; every area's pages are held while there is a page table.
 */

import { PAGE_SIZE } from '../../sim/memory.ts';
import { FaultInjection } from '../kernel/fault-injection.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Access } from './access.ts';
import { Area } from './area.ts';
import { fill, type PageTable, unfill } from './page-table.ts';
import type { Pages } from './pages.ts';
import { chooseIova } from './placement.ts';
import { type Range, Ranges } from './ranges.ts';
import { Reserved } from './reserved.ts';
import { lastOf, misaligned, PAGE, U64_MAX } from './u64.ts';

/** A piece of memory to be mapped: `length` bytes of `pages` from `offset` on. */
export interface Piece {
  readonly pages: Pages;
  readonly offset: number;
  readonly length: bigint;
}

export interface Protection {
  readonly read: boolean;
  readonly write: boolean;
}

/** How often a kernel user is asked for its pages before an unmap gives up (iopt_unmap_iova_range). */
const UNMAP_TRIES = 100;

export class IoPagetable {
  readonly areas = new Ranges<Area>();
  readonly reserved: Reserved;
  readonly tables: PageTable[] = [];
  readonly accesses = new Set<Access>();
  /** IOVAs and lengths are multiples of it: 1 as long as nothing asks for more. */
  alignment = 1n;
  /** IOMMU_OPTION_HUGE_PAGES off: mappings may be cut, page by page. */
  hugePagesOff = false;
  private readonly faults: FaultInjection;

  constructor(faults: FaultInjection = new FaultInjection()) {
    this.faults = faults;
    this.reserved = new Reserved(this.areas, faults);
  }

  /** iopt_map_pages: maps the pieces one behind the other, at `iova` or (undefined) where they fit; the IOVA or an errno. */
  map(pieces: readonly Piece[], iova: bigint | undefined, prot: Protection): bigint | number {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0n);
    const start = this.place(pieces[0]!, length, iova);
    if (typeof start === 'number') return start;
    const areas: Area[] = [];
    let next = start;
    let error = 0;
    for (const { pages, offset, length: bytes } of pieces) {
      error = this.faults.allocation.fails() ? -ERRNO.ENOMEM : this.checkPiece(pages, offset, prot);
      if (error !== 0) break;
      const area = new Area({ start: next, last: next + bytes - 1n }, pages, offset, prot);
      this.insertArea(area);
      areas.push(area);
      next += bytes;
    }
    // All places are taken before any page is pinned.
    for (const area of areas) error ||= this.fillAll(area);
    if (error === 0) return start;
    for (const undone of areas) this.removeArea(undone);
    return error;
  }

  /** iopt_get_pages: what lies behind [start, last] without a gap, piece by piece; else ENOENT. */
  pieces(start: bigint, last: bigint): Piece[] | number {
    const pieces: Piece[] = [];
    let next = start;
    for (const area of this.areas.within(start, last)) {
      if (area.start > next) return -ERRNO.ENOENT;
      if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const end = area.last < last ? area.last : last;
      pieces.push({ pages: area.pages, offset: area.offset + Number(next - area.start), length: end - next + 1n });
      next = end + 1n;
    }
    return next > last ? pieces : -ERRNO.ENOENT;
  }

  /**
   * iopt_unmap_iova_range: removes the areas inside [start, last]. `bytes` counts what is gone, which an error does not
   * bring back: ENOENT where the range cuts an area, EBUSY for one in use, EDEADLK if a kernel user keeps its pages.
   */
  unmap(start: bigint, last: bigint): { readonly error: number; readonly bytes: bigint } {
    let bytes = 0n;
    let tries = 0;
    let next = start;
    for (let area = this.areas.first(next, last); area !== undefined; area = this.areas.first(next, last)) {
      if (area.locks > 0) return { error: -ERRNO.EBUSY, bytes };
      if (area.start < next || area.last > last) return { error: -ERRNO.ENOENT, bytes };
      if (area.start !== next) tries = 0;
      next = area.start;
      if (area.accesses.length > 0) {
        area.preventAccess = true;
        for (const access of [...this.accesses]) access.unmap(area.start, area.length);
        if (++tries > UNMAP_TRIES) return { error: -ERRNO.EDEADLK, bytes };
        continue;
      }
      bytes += area.length;
      this.removeArea(area);
      if (area.last >= last) break;
      // What a kernel user has meanwhile mapped behind it stays.
      next = area.last + 1n;
    }
    return { error: 0, bytes };
  }

  /**
   * iopt_cut_iova: makes `last` the last byte of the area it is in. That its first byte cannot become one is no error:
   * the unmap that follows finds the range too short.
   */
  cut(last: bigint): number {
    const area = this.areas.first(last, last);
    if (area === undefined || area.last === last || area.start === last) return 0;
    if (area.preventAccess) return -ERRNO.EBUSY;
    if (area.pages.source.kind === 'dma-buf') return -ERRNO.EOPNOTSUPP;
    const at = last + 1n;
    const offset = area.offset + Number(at - area.start);
    if (misaligned(at, this.alignment) || misaligned(BigInt(offset), this.alignment)) return -ERRNO.EINVAL;
    if (area.locks > 0 || area.accesses.length > 0) return -ERRNO.EINVAL;
    if (area.hold !== undefined && !this.hugePagesOff) return -ERRNO.EINVAL;
    this.split(area, at, offset);
    return 0;
  }

  /** iopt_table_add_domain: 0, or EINVAL, EADDRINUSE, or what filling it answers, with nothing changed. */
  addTable(table: PageTable): number {
    const smallest = BigInt(Math.min(...table.features.pageSizes));
    const alignment = smallest > this.alignment ? smallest : this.alignment;
    if (alignment > PAGE) return -ERRNO.EINVAL;
    if (!this.fitsAlignment(alignment)) return -ERRNO.EADDRINUSE;
    // xa_reserve: its place among the page tables.
    if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    const error = this.reserved.addAperture(table.features.aperture, table) || this.fillTable(table);
    if (error !== 0) {
      this.reserved.removeOwner(table);
      return error;
    }
    this.tables.push(table);
    this.alignment = alignment;
    return 0;
  }

  /** iopt_table_remove_domain. */
  removeTable(table: PageTable): void {
    const index = this.tables.indexOf(table);
    if (index < 0) return;
    this.tables.splice(index, 1);
    for (const area of this.areas.all) {
      if (area.hold === undefined) continue;
      unfill(table, area);
      if (this.tables.length === 0) this.letGo(area);
    }
    this.reserved.removeOwner(table);
    this.updateAlignment();
  }

  /** iopt_add_access: a kernel user pins page by page, so areas must be made of pages. */
  addAccess(access: Access): number {
    if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    if (!this.fitsAlignment(PAGE)) return -ERRNO.EADDRINUSE;
    this.accesses.add(access);
    this.updateAlignment();
    return 0;
  }

  removeAccess(access: Access): void {
    this.accesses.delete(access);
    this.updateAlignment();
  }

  /** iopt_disable_large_pages. */
  disableHugePages(): number {
    if (this.hugePagesOff) return 0;
    if (this.tables.length > 0 && this.areas.all.length > 0) return -ERRNO.EINVAL;
    if (!this.fitsAlignment(PAGE)) return -ERRNO.EADDRINUSE;
    this.setHugePages(true);
    return 0;
  }

  enableHugePages(): void {
    this.setHugePages(false);
  }

  /** The memory of an exporter is gone: out of every page table, while the mapping itself stays. */
  revoke(area: Area): void {
    for (const table of this.tables) unfill(table, area);
  }

  private setHugePages(off: boolean): void {
    this.hugePagesOff = off;
    for (const { domain, features } of this.tables) domain.leafSizes = off ? [PAGE_SIZE] : features.pageSizes;
    this.updateAlignment();
  }

  private place(first: Piece, length: bigint, iova: bigint | undefined): bigint | number {
    if (length === 0n || misaligned(length, this.alignment)) return -ERRNO.EINVAL;
    if (iova === undefined) {
      const { areas, alignment, reserved } = this;
      const address = first.pages.origin + BigInt(first.offset);
      return chooseIova({ areas, alignment, reserved: reserved.all, allowed: reserved.allowed }, address, length);
    }
    if (misaligned(iova, this.alignment)) return -ERRNO.EINVAL;
    const last = lastOf(iova, length);
    if (last === undefined) return -ERRNO.EOVERFLOW;
    if (this.reserved.touches(iova, last)) return -ERRNO.EINVAL;
    return this.areas.first(iova, last) === undefined ? iova : -ERRNO.EEXIST;
  }

  /** iopt_insert_area. */
  private checkPiece(pages: Pages, offset: number, prot: Protection): number {
    if (prot.write && !pages.writable) return -ERRNO.EPERM;
    return misaligned(BigInt(offset % PAGE_SIZE), this.alignment) ? -ERRNO.EINVAL : 0;
  }

  /** iopt_area_fill_domains: pins the area and maps it in every page table. */
  private fillAll(area: Area): number {
    if (this.tables.length === 0) return 0;
    const hold = area.pages.pin(area.firstPage, area.lastPage);
    if (typeof hold === 'number') return hold;
    area.hold = hold;
    for (const table of this.tables) {
      const error = fill(table, area, hold, this.faults);
      if (error !== 0) return error;
    }
    return 0;
  }

  /** iopt_fill_domain: every area into a new page table. */
  private fillTable(table: PageTable): number {
    for (const area of this.areas.all) {
      const hold = area.hold ?? area.pages.pin(area.firstPage, area.lastPage);
      const error = typeof hold === 'number' ? hold : fill(table, area, hold, this.faults);
      if (typeof hold !== 'number') area.hold = hold;
      if (error === 0) continue;
      for (const undone of this.areas.all) {
        unfill(table, undone);
        if (this.tables.length === 0) this.letGo(undone);
      }
      return error;
    }
    return 0;
  }

  private insertArea(area: Area): void {
    this.areas.insert(area);
    area.pages.join(area, this);
  }

  private removeArea(area: Area): void {
    if (area.hold !== undefined) for (const table of this.tables) unfill(table, area);
    this.letGo(area);
    this.areas.remove(area);
    area.pages.leave(area);
  }

  private letGo(area: Area): void {
    if (area.hold !== undefined) area.pages.unpin(area.hold);
    area.hold = undefined;
  }

  /** iopt_area_split: the page tables, which have small pages only, follow. */
  private split(area: Area, at: bigint, offset: number): void {
    const upper = new Area({ start: at, last: area.last }, area.pages, offset, area);
    area.last = at - 1n;
    this.insertArea(upper);
    if (area.hold === undefined) return;
    [area.hold, upper.hold] = area.pages.split(area.hold, area.lastPage);
    for (const table of this.tables) table.domain.split(Number(at));
  }

  /** iopt_check_iova_alignment: are all areas made of such units? */
  private fitsAlignment(alignment: bigint): boolean {
    if (alignment <= this.alignment) return true;
    return this.areas.all.every((area: Area) => {
      return ![area.start, area.length, BigInt(area.pageOffset)].some((value) => misaligned(value, alignment));
    });
  }

  /** iopt_calculate_iova_alignment. */
  private updateAlignment(): void {
    let alignment = this.hugePagesOff || this.accesses.size > 0 ? PAGE : 1n;
    for (const { features } of this.tables) {
      const smallest = BigInt(Math.min(...features.pageSizes));
      if (smallest > alignment) alignment = smallest;
    }
    this.alignment = alignment;
  }
}

/** Every IOVA there is. */
export const EVERYTHING: Range = { start: 0n, last: U64_MAX };
