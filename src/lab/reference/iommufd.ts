/** The objects of an iommufd as they must be: numbers, who uses whom, and what each device is translated by. */
import type { IommuDescription } from '../../../sim/pci/description.ts';
import type { AddressSpace } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import type { ReferencePages } from './io-pages.ts';
import { ReferenceIoas } from './ioas.ts';
import {
  HWPT_FLAG,
  newHwpt,
  type ReferenceDevice,
  type ReferenceHwpt,
  type ReferenceObject,
} from './iommufd-objects.ts';
import * as U from './u64.ts';

export class IommufdReference {
  readonly objects = new Map<number, ReferenceObject>();
  readonly tombstones = new Set<number>();
  readonly devices: readonly ReferenceDevice[];
  readonly features: IommuDescription;
  readonly pages = new Set<ReferencePages>();
  mode: 'user' | 'mm' = 'user';
  /** The address space that container ioctls work on. */
  compat: ReferenceIoas | undefined;
  /** The emulated device: its number while it is bound, where it is attached, and what it holds, call by call. */
  access = 0;
  accessIoas: ReferenceIoas | undefined;
  readonly held: { readonly iova: bigint; readonly count: number }[] = [];

  constructor(devices: readonly ReferenceDevice[], features: IommuDescription) {
    this.devices = devices;
    this.features = features;
  }

  add(object: ReferenceObject): number {
    let id = 1;
    while (this.objects.has(id) || this.tombstones.has(id)) id++;
    this.objects.set(id, object);
    if (object.ioas !== undefined) object.ioas.id = id;
    if (object.hwpt !== undefined) object.hwpt.id = id;
    if (object.device !== undefined && object.kind === 'device') object.device.id = id;
    return id;
  }

  /** How many use an object: its number, its descriptor, and all that hold it. */
  users(id: number): number {
    let users = 1;
    const own = this.objects.get(id)!;
    if (own.held) users++;
    for (const { holds } of this.objects.values()) for (const other of holds) if (other === id) users++;
    if (own.hwpt !== undefined)
      for (const { hwpt, pasids } of this.devices) {
        if (hwpt === own.hwpt) users++;
        for (const other of pasids.values()) if (other === own.hwpt) users++;
      }
    if (own.ioas !== undefined && this.accessIoas === own.ioas) users++;
    return users;
  }

  ioas(id: number): ReferenceIoas | undefined {
    return this.objects.get(id)?.ioas;
  }

  get spaces(): ReferenceIoas[] {
    return [...this.objects.values()].flatMap(({ ioas }) => (ioas === undefined ? [] : [ioas]));
  }

  newIoas(): number {
    const ioas = new ReferenceIoas({
      room: (pages) => this.room(pages),
      giveBack: (space, first, last) => this.giveBack(space, first, last),
    });
    return this.add({ kind: 'ioas', holds: [], held: false, ioas });
  }

  destroy(id: number): number {
    const object = this.objects.get(id);
    if (object === undefined) return -U.ENOENT;
    if (this.users(id) > 1) return -U.EBUSY;
    this.forget(id);
    return 0;
  }

  /** Binds: the number. */
  bind(device: ReferenceDevice): number {
    return this.add({ kind: 'device', holds: [], held: true, device });
  }

  unbind(device: ReferenceDevice): void {
    device.pasids.clear();
    this.detach(device);
    if (device.vdevice !== 0) {
      this.objects.delete(device.vdevice);
      this.tombstones.add(device.vdevice);
      device.vdevice = 0;
    }
    this.objects.delete(device.id);
    device.id = 0;
  }

  /** ATTACH of a device that may be attached already: the number of the page table, or an errno. */
  attach(device: ReferenceDevice, ptId: number): number {
    const object = this.objects.get(ptId);
    if (object === undefined) return -U.ENOENT;
    const replace = device.hwpt !== undefined;
    if (object.hwpt !== undefined) return this.attachTo(device, object.hwpt, replace);
    if (object.ioas === undefined) return -U.EINVAL;
    const { ioas } = object;
    const fit = this.hwptsOf(ioas).find(({ automatic }) => automatic);
    if (fit !== undefined) {
      const result = this.attachTo(device, fit, replace);
      if (result !== -U.EINVAL) return result;
    }
    return this.attachNew(device, ioas, replace);
  }

  detach(device: ReferenceDevice): void {
    const { hwpt } = device;
    if (hwpt === undefined) return;
    device.hwpt = undefined;
    hwpt.ioas.devices--;
    this.drop(hwpt);
  }

  /** HWPT_ALLOC: the number, or an errno. */
  allocHwpt(device: number, pt: number, flags: number, fault: number): number {
    if (this.objects.get(device)?.kind !== 'device') return -U.ENOENT;
    const object = this.objects.get(pt);
    if (object?.ioas === undefined) return this.nestedWithoutData(object);
    const { dirtyTracking, nesting } = this.features;
    if ((flags & ~15) !== 0 || (flags & HWPT_FLAG.DIRTY && !dirtyTracking)) return -U.EOPNOTSUPP;
    if (flags & HWPT_FLAG.NEST && (flags & HWPT_FLAG.FAULT || !nesting)) return -U.EOPNOTSUPP;
    const hwpt = newHwpt(this.features, object.ioas, false, flags, flags & HWPT_FLAG.FAULT ? fault : 0);
    const error = object.ioas.show(hwpt);
    if (error !== 0) return error;
    if (flags & HWPT_FLAG.FAULT && this.objects.get(fault)?.kind !== 'fault') {
      object.ioas.hide(hwpt);
      return -U.ENOENT;
    }
    return this.addHwpt(hwpt);
  }

  /** A nested page table that passes everything on, or aborts; the caller has checked its data. */
  allocNested(parentId: number, refused: boolean): number {
    const parent = this.objects.get(parentId)!.hwpt!;
    const hwpt = { ...newHwpt(this.features, parent.ioas, false, 0, 0), parent, refused };
    return this.add({ kind: 'hwpt-nested', holds: [parentId], held: false, hwpt });
  }

  /** The emulated device: attach, or replace. */
  attachAccess(id: number): number {
    const ioas = this.ioas(id);
    if (ioas === undefined) return -U.ENOENT;
    if (ioas === this.accessIoas) return 0;
    if (!ioas.fits(U.PAGE)) return -U.EADDRINUSE;
    ioas.accesses++;
    this.leaveAccess();
    this.accessIoas = ioas;
    return 0;
  }

  leaveAccess(): void {
    const { accessIoas } = this;
    if (accessIoas === undefined) return;
    this.giveBack(accessIoas, 0n, U.TOP);
    accessIoas.accesses--;
    this.accessIoas = undefined;
  }

  pinPages(iova: bigint, count: number, write: boolean): number {
    if (count === 0) return -U.EINVAL;
    const start = iova - (iova % U.PAGE);
    const length = BigInt(count) * U.PAGE;
    const error = this.accessIoas?.hold(start, length, write) ?? (U.wraps(start, length) ? -U.EOVERFLOW : -U.ENOENT);
    if (error === 0) this.held.push({ iova, count });
    return error;
  }

  unpinHeld(index: number): void {
    const [pin] = this.held.splice(index, 1);
    if (pin !== undefined) this.accessIoas?.release(pin.iova - (pin.iova % U.PAGE), BigInt(pin.count) * U.PAGE);
  }

  /** An emulated device copies. */
  copy(_caller: Process | undefined, iova: bigint, length: number, write: boolean): number {
    if (length === 0) return -U.EINVAL;
    if (this.accessIoas === undefined) return U.wraps(iova, BigInt(length)) ? -U.EOVERFLOW : -U.ENOENT;
    return this.accessIoas.walk(iova, BigInt(length), (area, first, last) => {
      if (area.closed) return -U.EINVAL;
      if (write ? !area.write : !area.read) return -U.EPERM;
      if (area.pages.source.kind === 'dma-buf') return -U.EINVAL;
      const at = area.offset + Number(first - area.start);
      return area.pages.reachable(at, Number(last - first) + 1, write) ? 0 : -U.EFAULT;
    });
  }

  contents(iova: bigint, into: Uint8Array): boolean {
    let done = 0;
    const error = this.accessIoas?.walk(iova, BigInt(into.length), (area, first, last) => {
      const part = into.subarray(done, done + Number(last - first) + 1);
      done += part.length;
      return area.pages.copy(area.offset + Number(first - area.start), part) ? 0 : -U.EFAULT;
    });
    return error === 0;
  }

  /** What a device is translated by: its own attachment, or that of another of its group. */
  shown(name: string): ReferenceHwpt | undefined {
    const own = this.devices.find((device) => device.name === name)!;
    return own.hwpt ?? this.devices.find(({ group, hwpt }) => group === own.group && hwpt !== undefined)?.hwpt;
  }

  /** A device wrote: its page table may have noted the pages. */
  wrote(name: string, iova: bigint, length: number): void {
    const hwpt = this.shown(name);
    const paging = hwpt?.parent ?? hwpt;
    if (paging === undefined || !paging.tracking || length === 0) return;
    for (let page = iova - (iova % U.PAGE); page < iova + BigInt(length); page += U.PAGE) paging.dirty.add(page);
  }

  /** Pages charged to an address space, and pages that it is only noted for. */
  locked(mm: AddressSpace): number {
    return this.sum((pages) => pages.payer === 'mm' && pages.mm === mm);
  }

  pinned(mm: AddressSpace): number {
    return this.sum((pages) => pages.mm === mm);
  }

  lockedOfUser(): number {
    return this.sum((pages) => pages.payer === 'user');
  }

  hwptsOf(ioas: ReferenceIoas): ReferenceHwpt[] {
    return [...this.objects.values()].flatMap(({ kind, hwpt }) =>
      kind === 'hwpt-paging' && hwpt?.ioas === ioas ? [hwpt] : [],
    );
  }

  /** The emulated device gives back what touches a range. */
  giveBack(ioas: ReferenceIoas, first: bigint, last: bigint): void {
    if (ioas !== this.accessIoas) return;
    for (let index = this.held.length - 1; index >= 0; index--) {
      const { iova, count } = this.held[index]!;
      const start = iova - (iova % U.PAGE);
      if (U.overlap(start, start + BigInt(count) * U.PAGE - 1n, first, last)) this.unpinHeld(index);
    }
  }

  private attachTo(device: ReferenceDevice, hwpt: ReferenceHwpt, replace: boolean): number {
    const members = this.devices.filter((other) => other.group === device.group && other.hwpt !== undefined);
    const current = members[0]?.hwpt;
    if (replace && current === hwpt) return hwpt.id;
    if (!replace && current !== undefined && current !== hwpt) return -U.EINVAL;
    const moves = !replace || current?.ioas !== hwpt.ioas;
    if (moves && hwpt.ioas.inUse(U.MSI_FIRST, U.MSI_LAST)) return -U.EADDRINUSE;
    // A page table for PASIDs, and others, cannot serve a device at a time (iommufd_hwpt_pasid_compat).
    if (current !== hwpt && !hwpt.pasid && device.pasids.size > 0) return -U.EINVAL;
    if (current !== hwpt && hwpt.fault !== 0 && !this.requestsPages(device.group)) return -U.ENODEV;
    if (current !== hwpt && hwpt.refused) return -U.EINVAL;
    if (!replace) {
      device.hwpt = hwpt;
      hwpt.ioas.devices++;
      return hwpt.id;
    }
    for (const member of members) {
      member.hwpt = hwpt;
      current!.ioas.devices--;
      hwpt.ioas.devices++;
    }
    this.drop(current!);
    return hwpt.id;
  }

  private attachNew(device: ReferenceDevice, ioas: ReferenceIoas, replace: boolean): number {
    const hwpt = newHwpt(this.features, ioas, true, 0, 0);
    if (replace) {
      const error = ioas.show(hwpt);
      if (error !== 0) return error;
      this.addHwpt(hwpt);
      const result = this.attachTo(device, hwpt, true);
      if (result < 0) this.forget(hwpt.id);
      return result;
    }
    const members = this.devices.filter((other) => other.group === device.group && other.hwpt !== undefined);
    if (members.length > 0) return -U.EINVAL;
    if (ioas.inUse(U.MSI_FIRST, U.MSI_LAST)) return -U.EADDRINUSE;
    if (device.pasids.size > 0) return -U.EINVAL;
    const error = ioas.show(hwpt);
    if (error !== 0) return error;
    this.addHwpt(hwpt);
    device.hwpt = hwpt;
    ioas.devices++;
    return hwpt.id;
  }

  private nestedWithoutData(object: ReferenceObject | undefined): number {
    return object?.kind === 'hwpt-paging' || object?.kind === 'viommu' ? -U.EOPNOTSUPP : -U.EINVAL;
  }

  private addHwpt(hwpt: ReferenceHwpt): number {
    const holds = hwpt.fault === 0 ? [hwpt.ioas.id] : [hwpt.ioas.id, hwpt.fault];
    return this.add({ kind: 'hwpt-paging', holds, held: false, hwpt });
  }

  /** One that was made by attaching goes with its last device. */
  private drop(hwpt: ReferenceHwpt): void {
    if (hwpt.automatic && this.users(hwpt.id) === 1) this.forget(hwpt.id);
  }

  private forget(id: number): void {
    const object = this.objects.get(id)!;
    this.objects.delete(id);
    if (object.kind === 'hwpt-paging') object.hwpt!.ioas.hide(object.hwpt!);
    if (object.kind === 'vdevice') object.device!.vdevice = 0;
    if (object.queue !== undefined) {
      object.queue.space.unlock(object.queue.holds);
      object.queue.space.accesses--;
      this.objects.delete(object.queue.access);
    }
    if (object.ioas !== undefined) {
      object.ioas.unmap(0n, U.TOP);
      if (this.compat === object.ioas) this.compat = undefined;
    }
  }

  private requestsPages(group: number): boolean {
    return this.devices.every((device) => device.group !== group || device.pageRequests);
  }

  private room(pages: ReferencePages): number {
    const paid = pages.payer === 'mm' ? this.locked(pages.mm) : this.lockedOfUser();
    return Math.floor(pages.process.memlockLimit / 4096) - paid;
  }

  private sum(counts: (pages: ReferencePages) => boolean): number {
    let sum = 0;
    for (const pages of this.pages) if (counts(pages)) sum += pages.counted;
    return sum;
  }
}
