/**
 * What of one IOMMU group is attached through one iommufd (device.c: struct iommufd_group). All devices of the group
 * that are attached share the page table, one for the requests of the function itself (pasid 0) and one a PASID: the
 * first attaches the group, the last leaves it blocked.
 */
import type { IommuGroup } from '../kernel/iommu-group.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Context } from './context.ts';
import type { IommufdDevice } from './device.ts';
import type { FaultSource } from './fault-queue.ts';
import type { AnyHwpt } from './hwpt.ts';
import { NO_PASID, program, unprogram } from './translation.ts';

interface Attachment {
  hwpt: AnyHwpt;
  /** Struct iommufd_attach_handle: a new one for each page table. */
  handle: FaultSource;
  readonly devices: Set<IommufdDevice>;
}

export class GroupAttachments {
  /** Devices bound. */
  members = 0;
  readonly group: IommuGroup;
  private readonly context: Context;
  private readonly attachments = new Map<number, Attachment>();

  constructor(context: Context, group: IommuGroup) {
    this.context = context;
    this.group = group;
  }

  join(): void {
    this.members++;
  }

  leave(): void {
    if (--this.members === 0) this.context.forgetGroup(this.group);
  }

  hwpt(pasid: number): AnyHwpt | undefined {
    return this.attachments.get(pasid)?.hwpt;
  }

  /** iommufd_hw_pagetable_attach. */
  attach(device: IommufdDevice, pasid: number, hwpt: AnyHwpt): number {
    const known = this.attachments.get(pasid);
    const { context } = this;
    // The place of the PASID, and what stands there; then the place of the device.
    if (known === undefined && (context.noMemory() || context.noMemory())) return -ERRNO.ENOMEM;
    if (known?.devices.has(device)) return -ERRNO.EBUSY;
    if (context.noMemory()) return -ERRNO.ENOMEM;
    if (known !== undefined && known.hwpt !== hwpt) return -ERRNO.EINVAL;
    const reserved = pasid === NO_PASID ? reserve(device, hwpt) : 0;
    if (reserved !== 0) return reserved;
    if (known === undefined) {
      const handle = { deviceId: device.id };
      const error =
        this.checkPasid(pasid, hwpt) || this.allocateHandle() || program(this.group, device.pci, pasid, hwpt, handle);
      if (error !== 0) {
        if (pasid === NO_PASID) unreserve(device, hwpt);
        return error;
      }
      this.attachments.set(pasid, { hwpt, handle, devices: new Set([device]) });
    } else known.devices.add(device);
    hwpt.users++;
    return 0;
  }

  /** iommufd_device_do_replace: the whole group moves to `hwpt`; the page tables left behind, for each device once. */
  replace(device: IommufdDevice, pasid: number, hwpt: AnyHwpt): { readonly left: AnyHwpt | undefined } | number {
    const known = this.attachments.get(pasid);
    if (known === undefined || !known.devices.has(device)) return -ERRNO.EINVAL;
    const old = known.hwpt;
    if (old === hwpt) return { left: undefined };
    const moves = pasid === NO_PASID && old.paging.ioas !== hwpt.paging.ioas;
    const reserved = moves ? this.reserveAll(known, hwpt) : 0;
    if (reserved !== 0) return reserved;
    const handle = { deviceId: device.id };
    const error =
      this.checkPasid(pasid, hwpt) || this.allocateHandle() || program(this.group, device.pci, pasid, hwpt, handle);
    if (error !== 0) {
      if (moves) for (const member of known.devices) unreserve(member, hwpt);
      return error;
    }
    old.fault?.cancel(known.handle);
    if (moves) for (const member of known.devices) unreserve(member, old);
    known.hwpt = hwpt;
    known.handle = handle;
    hwpt.users += known.devices.size;
    // All but the last are dropped here: the caller drops that one, and with it perhaps the page table.
    old.users -= known.devices.size - 1;
    return { left: old };
  }

  /** iommufd_hw_pagetable_detach: the page table `device` was attached to. */
  detach(device: IommufdDevice, pasid: number): AnyHwpt | undefined {
    const known = this.attachments.get(pasid);
    if (known === undefined || !known.devices.delete(device)) return undefined;
    if (known.devices.size === 0) {
      this.attachments.delete(pasid);
      unprogram(this.group, pasid);
      known.hwpt.fault?.cancel(known.handle);
    }
    if (pasid === NO_PASID) unreserve(device, known.hwpt);
    return known.hwpt;
  }

  /** iommufd_hwpt_pasid_compat: a page table for PASIDs, and others, cannot serve one group at a time. */
  private checkPasid(pasid: number, hwpt: AnyHwpt): number {
    if (hwpt.pasidCompatible) {
      const own = pasid === NO_PASID ? undefined : this.attachments.get(NO_PASID);
      return own === undefined || own.hwpt.pasidCompatible ? 0 : -ERRNO.EINVAL;
    }
    const pasids = [...this.attachments.keys()].some((other) => other !== NO_PASID);
    return pasid !== NO_PASID || pasids ? -ERRNO.EINVAL : 0;
  }

  /** struct iommufd_attach_handle, and its place in the group (iommu_attach_group_handle). */
  private allocateHandle(): number {
    return this.context.noMemory() || this.context.noMemory() ? -ERRNO.ENOMEM : 0;
  }

  private reserveAll(attachment: Attachment, hwpt: AnyHwpt): number {
    const done: IommufdDevice[] = [];
    for (const member of attachment.devices) {
      const error = reserve(member, hwpt);
      if (error === 0) {
        done.push(member);
        continue;
      }
      for (const undone of done) unreserve(undone, hwpt);
      return error;
    }
    return 0;
  }
}

/** The regions a device must not be mapped at become those of the IOAS. */
function reserve(device: IommufdDevice, hwpt: AnyHwpt): number {
  return hwpt.paging.ioas.table.reserved.addRegions(device.reservedRegions, device);
}

function unreserve(device: IommufdDevice, hwpt: AnyHwpt): void {
  hwpt.paging.ioas.table.reserved.removeOwner(device);
}
