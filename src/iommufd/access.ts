/**
 * Kernel users of an IOAS (device.c: struct iommufd_access): emulated devices, which have no DMA of their own and reach
 * the mapped memory by software, pinned or copied.
 */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Area } from './area.ts';
import type { Context } from './context.ts';
import type { Ioas } from './ioas.ts';
import type { IommufdObject } from './object.ts';
import { lastOf, PAGE } from './u64.ts';

/** Asks for all pins that touch the range back; called before the mapping goes. */
export type UnmapCallback = (iova: bigint, length: bigint) => void;

export class Access implements IommufdObject {
  readonly kind = 'access';
  id = 0;
  /** The number, and the driver that made it. */
  users = 2;
  ioas: Ioas | undefined;
  private readonly context: Context;
  private readonly callback: UnmapCallback | undefined;

  /** Made by an object of the same iommufd, which must not keep it open (iommufd_access_create_internal). */
  private readonly internal: boolean;

  private constructor(context: Context, callback: UnmapCallback | undefined, internal: boolean) {
    this.context = context;
    this.callback = callback;
    this.internal = internal;
  }

  /** iommufd_access_create. Without a callback nothing can be pinned. */
  static create(context: Context, callback?: UnmapCallback): Access {
    return context.get().objects.add(new Access(context, callback, false));
  }

  static createInternal(context: Context): Access {
    return context.objects.add(new Access(context, undefined, true));
  }

  /** iommufd_access_destroy. */
  release(): void {
    this.detach();
    this.users--;
    this.context.objects.remove(this);
    if (!this.internal) this.context.put();
  }

  destroy(): void {}

  /** iommufd_access_attach: 0, EINVAL if it is attached, ENOENT if that is no IOAS, EADDRINUSE. */
  attach(ioasId: number): number {
    return this.ioas === undefined ? this.change(ioasId) : -ERRNO.EINVAL;
  }

  /** iommufd_access_replace. */
  replace(ioasId: number): number {
    return this.ioas === undefined ? -ERRNO.ENOENT : this.change(ioasId);
  }

  /** iommufd_access_detach: the driver gives back all it has pinned. */
  detach(): void {
    const { ioas } = this;
    if (ioas === undefined) return;
    this.callback?.(0n, 0xffff_ffff_ffff_ffffn);
    ioas.table.removeAccess(this);
    ioas.users--;
    this.ioas = undefined;
  }

  unmap(iova: bigint, length: bigint): void {
    this.callback?.(iova, length);
  }

  /** iommufd_access_pin_pages: physical addresses, page by page, or a negated errno and nothing pinned. */
  pin(iova: bigint, length: bigint, write: boolean): number[] | number {
    const areas = this.areas(iova, length);
    if (typeof areas === 'number') return areas;
    const physical: number[] = [];
    for (const { area, first, last } of areas) {
      const error = this.pinArea(area, first, last, write, physical);
      if (error === 0) continue;
      this.unpin(iova, length);
      return error;
    }
    return physical;
  }

  /** iommufd_access_unpin_pages: of the same range as {@link pin}. */
  unpin(iova: bigint, length: bigint): void {
    const areas = this.areas(iova, length);
    if (typeof areas === 'number') return;
    for (const { area, first } of areas) {
      const index = area.accesses.findIndex(({ access, start }) => access === this && start === first);
      if (index < 0) continue;
      area.pages.unpin(area.accesses[index]!.hold);
      area.accesses.splice(index, 1);
    }
  }

  /** iommufd_access_rw: copies between `bytes` and the mapped memory; what was copied before an error stays. */
  copy(iova: bigint, bytes: Uint8Array, write: boolean): number {
    const areas = this.areas(iova, BigInt(bytes.length));
    if (typeof areas === 'number') return areas;
    let done = 0;
    for (const { area, first, last } of areas) {
      if (write ? !area.write : !area.read) return -ERRNO.EPERM;
      if (area.pages.source.kind === 'dma-buf') return -ERRNO.EINVAL;
      const count = Number(last - first) + 1;
      const offset = area.offset + Number(first - area.start);
      if (!area.pages.source.copy(offset, bytes.subarray(done, done + count), write)) return -ERRNO.EFAULT;
      done += count;
    }
    return 0;
  }

  private change(ioasId: number): number {
    const ioas = this.context.objects.get(ioasId, 'ioas') as Ioas | undefined;
    if (ioas === undefined) return -ERRNO.ENOENT;
    if (ioas === this.ioas) return 0;
    const error = ioas.table.addAccess(this);
    if (error !== 0) return error;
    this.detach();
    this.ioas = ioas;
    ioas.users++;
    return 0;
  }

  private pinArea(area: Area, first: bigint, last: bigint, write: boolean, into: number[]): number {
    if (write ? !area.write : !area.read) return -ERRNO.EPERM;
    if (area.pages.source.kind === 'dma-buf') return -ERRNO.EINVAL;
    if (first % PAGE !== BigInt((area.offset + Number(first - area.start)) % PAGE_SIZE)) return -ERRNO.EINVAL;
    const hold = area.pages.pin(area.pageAt(first), area.pageAt(last));
    if (typeof hold === 'number') return hold;
    area.accesses.push({ access: this, hold, start: first });
    for (const { physical, length } of hold.runs)
      for (let at = 0; at < length; at += PAGE_SIZE) into.push(physical + at);
    return 0;
  }

  /** The areas of a range, which must be mapped without a gap, and the part of each. */
  private areas(iova: bigint, length: bigint): { area: Area; first: bigint; last: bigint }[] | number {
    if (length === 0n) return -ERRNO.EINVAL;
    const last = lastOf(iova, length);
    if (last === undefined) return -ERRNO.EOVERFLOW;
    const parts: { area: Area; first: bigint; last: bigint }[] = [];
    let next = iova;
    for (const area of this.ioas?.table.areas.within(iova, last) ?? []) {
      if (area.start > next) return -ERRNO.ENOENT;
      const end = area.last < last ? area.last : last;
      parts.push({ area, first: next, last: end });
      next = end + 1n;
    }
    return next > last ? parts : -ERRNO.ENOENT;
  }
}
