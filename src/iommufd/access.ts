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
import type { Hold } from './pages.ts';
import { lastOf, U64_MAX } from './u64.ts';

/** Asks for all pins that touch the range back; called before the mapping goes. */
export type UnmapCallback = (iova: bigint, length: bigint) => void;

export class Access implements IommufdObject {
  readonly kind = 'access';
  id = 0;
  /** The number, and the driver that made it. */
  users = 2;
  /** Undefined also while it changes. */
  ioas: Ioas | undefined;
  /** Where pins are given back: the old one until the driver had its chance to (access->ioas_unpin). */
  private holder: Ioas | undefined;
  private readonly context: Context;
  private readonly callback: UnmapCallback | undefined;

  /** Made by an object of the same iommufd, which must not keep it open (iommufd_access_create_internal). */
  private readonly internal: boolean;

  private constructor(context: Context, callback: UnmapCallback | undefined, internal: boolean) {
    this.context = context;
    this.callback = callback;
    this.internal = internal;
  }

  /** iommufd_access_create: ENOMEM. Without a callback nothing can be pinned. */
  static create(context: Context, callback?: UnmapCallback): Access | number {
    if (context.noRoom()) return -ERRNO.ENOMEM;
    return context.get().objects.add(new Access(context, callback, false));
  }

  static createInternal(context: Context): Access | number {
    if (context.noRoom()) return -ERRNO.ENOMEM;
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
    return this.ioas === undefined ? this.changeTo(ioasId) : -ERRNO.EINVAL;
  }

  /** iommufd_access_replace: ENOENT if there is nothing to replace. */
  replace(ioasId: number): number {
    return this.ioas === undefined ? -ERRNO.ENOENT : this.changeTo(ioasId);
  }

  /** iommufd_access_detach: the driver gives back all it has pinned. */
  detach(): void {
    this.change(undefined);
  }

  unmap(iova: bigint, length: bigint): void {
    this.callback?.(iova, length);
  }

  /** iommufd_access_pin_pages: physical addresses, page by page, or a negated errno and nothing pinned. */
  pin(iova: bigint, length: bigint, write: boolean): number[] | number {
    const physical: number[] = [];
    const pinned: { readonly area: Area; readonly hold: Hold }[] = [];
    const error = this.walk(this.ioas, iova, length, (area, first, last) => {
      if (area.preventAccess || startByte(area, first) % PAGE_SIZE !== 0) return -ERRNO.EINVAL;
      const refused = check(area, write);
      if (refused !== 0) return refused;
      // iopt_area_add_access
      if (this.context.noMemory()) return -ERRNO.ENOMEM;
      const hold = area.pages.pin(area.pageAt(first), area.pageAt(last));
      if (typeof hold === 'number') return hold;
      area.accesses.push({ access: this, hold });
      pinned.push({ area, hold });
      for (const run of hold.runs) for (let at = 0; at < run.length; at += PAGE_SIZE) physical.push(run.physical + at);
      return 0;
    });
    if (error === 0) return physical;
    for (const { area, hold } of pinned) this.giveBack(area, (own) => own === hold);
    return error;
  }

  /** iommufd_access_unpin_pages: of the same range as {@link pin}. */
  unpin(iova: bigint, length: bigint): void {
    this.walk(this.holder, iova, length, (area, start, end) => {
      const [first, last] = [area.pageAt(start), area.pageAt(end)];
      this.giveBack(area, (hold) => hold.first === first && hold.last === last);
      return 0;
    });
  }

  /** iommufd_access_rw: copies between `bytes` and the mapped memory; what was copied before an error stays. */
  copy(iova: bigint, bytes: Uint8Array, write: boolean): number {
    let done = 0;
    return this.walk(this.ioas, iova, BigInt(bytes.length), (area, first, last) => {
      const refused = area.preventAccess ? -ERRNO.EINVAL : check(area, write);
      if (refused !== 0) return refused;
      const part = bytes.subarray(done, done + Number(last - first) + 1);
      done += part.length;
      return area.pages.source.copy(startByte(area, first), part, write) ? 0 : -ERRNO.EFAULT;
    });
  }

  private changeTo(ioasId: number): number {
    const ioas = this.context.objects.get(ioasId, 'ioas') as Ioas | undefined;
    return ioas === undefined ? -ERRNO.ENOENT : this.change(ioas);
  }

  /** iommufd_access_change_ioas: EBUSY from within the driver's callback of another change. */
  private change(next: Ioas | undefined): number {
    const current = this.ioas;
    if (current !== this.holder) return -ERRNO.EBUSY;
    if (current === next) return 0;
    // From here on nothing can be pinned, and what is pinned can be given back.
    this.ioas = undefined;
    const error = next?.table.addAccess(this) ?? 0;
    if (error !== 0) {
      this.ioas = current;
      return error;
    }
    if (next !== undefined) next.users++;
    if (current !== undefined) {
      this.callback?.(0n, U64_MAX);
      current.table.removeAccess(this);
      current.users--;
    }
    this.ioas = next;
    this.holder = next;
    return 0;
  }

  private giveBack(area: Area, which: (hold: Hold) => boolean): void {
    const index = area.accesses.findIndex(({ access, hold }) => access === this && which(hold));
    if (index < 0) return;
    area.pages.unpin(area.accesses[index]!.hold);
    area.accesses.splice(index, 1);
  }

  /** Shows `use` each area of a range and the part of it, until there is an error, or a gap: ENOENT. */
  private walk(
    ioas: Ioas | undefined,
    iova: bigint,
    length: bigint,
    use: (area: Area, first: bigint, last: bigint) => number,
  ): number {
    if (length === 0n) return -ERRNO.EINVAL;
    const last = lastOf(iova, length);
    if (last === undefined) return -ERRNO.EOVERFLOW;
    let next = iova;
    for (const area of ioas?.table.areas.within(iova, last) ?? []) {
      if (area.start > next) break;
      const end = area.last < last ? area.last : last;
      const error = use(area, next, end);
      if (error !== 0) return error;
      next = end + 1n;
    }
    return next > last ? 0 : -ERRNO.ENOENT;
  }
}

/** iopt_area_start_byte: where an IOVA of the area lies in its pages. */
function startByte(area: Area, iova: bigint): number {
  return area.offset + Number(iova - area.start);
}

/** EPERM for what the mapping does not allow, EINVAL for memory that the CPU must not touch. */
function check(area: Area, write: boolean): number {
  if (write ? !area.write : !area.read) return -ERRNO.EPERM;
  return area.pages.source.kind === 'dma-buf' ? -ERRNO.EINVAL : 0;
}
