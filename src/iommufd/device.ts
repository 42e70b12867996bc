/** Devices bound to an iommufd (device.c): the right to their DMA, and what it is translated by. */
import type { Iommu } from '../../sim/iommu/iommu.ts';
import type { IommuGroup, ReservedRegion } from '../kernel/iommu-group.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Context } from './context.ts';
import type { GroupAttachments } from './group-attachments.ts';
import type { AnyHwpt } from './hwpt.ts';
import { allocateHwpt } from './hwpt-alloc.ts';
import type { Ioas } from './ioas.ts';
import type { IommufdObject } from './object.ts';
import { NO_PASID, pasidsOf } from './translation.ts';
import type { Vdevice } from './vdevice.ts';

type Attach = (hwpt: AnyHwpt) => { readonly left: AnyHwpt | undefined } | number;

export class IommufdDevice implements IommufdObject {
  readonly kind = 'device';
  id = 0;
  /** The number, and the driver that bound it: DESTROY is EBUSY as long as it is bound. */
  users = 2;
  /** Undefined for a device that this kernel has no bus for. */
  readonly pci: PciDevice | undefined;
  readonly attachments: GroupAttachments;
  vdevice: Vdevice | undefined;
  private readonly context: Context;

  private constructor(context: Context, pci: PciDevice | undefined, attachments: GroupAttachments) {
    this.context = context;
    this.pci = pci;
    this.attachments = attachments;
  }

  /** iommufd_device_bind: the device, or EINVAL, EPERM, EBUSY, ENOMEM. */
  static bind(context: Context, pci: PciDevice | undefined, group: IommuGroup): IommufdDevice | number {
    if (context.noGroup(group)) return -ERRNO.ENOMEM;
    const { software } = group.iommu.features;
    if (!software && !context.parameters.iommufdAllowUnsafeInterrupts && !group.isolatedMsi) return -ERRNO.EPERM;
    const error = group.claimDevice(context);
    if (error !== 0) return error;
    if (context.noRoom()) {
      group.release();
      return -ERRNO.ENOMEM;
    }
    const attachments = context.group(group);
    attachments.join();
    context.get();
    return context.objects.add(new IommufdDevice(context, pci, attachments));
  }

  /** iommufd_device_unbind. A virtual device that stands for this one goes first, and its number stays taken. */
  unbind(): void {
    if (this.vdevice !== undefined) this.context.objects.bury(this.vdevice);
    this.users--;
    this.context.objects.remove(this);
    this.context.put();
  }

  destroy(): void {
    this.attachments.leave();
    this.group.release();
  }

  get group(): IommuGroup {
    return this.attachments.group;
  }

  get iommu(): Iommu {
    return this.group.iommu;
  }

  get reservedRegions(): readonly ReservedRegion[] {
    return this.group.reservedRegions;
  }

  /** iommufd_device_attach: to an HWPT, or to an IOAS by an automatic one; the HWPT's number, or a negated errno. */
  attach(ptId: number, pasid: number = NO_PASID): number {
    return this.change(ptId, true, (hwpt) => {
      const error = this.attachments.attach(this, pasid, hwpt);
      return error === 0 ? { left: undefined } : error;
    });
  }

  /** iommufd_device_replace. */
  replace(ptId: number, pasid: number = NO_PASID): number {
    return this.change(ptId, false, (hwpt) => this.attachments.replace(this, pasid, hwpt));
  }

  /** iommufd_device_detach. */
  detach(pasid: number = NO_PASID): void {
    const hwpt = this.attachments.detach(this, pasid);
    if (hwpt !== undefined) this.put(hwpt);
  }

  /** dev->iommu->max_pasids: 0 unless the device and its IOMMU have PASIDs. */
  get maxPasids(): number {
    return this.pci === undefined || !this.iommu.features.pasid ? 0 : pasidsOf(this.pci);
  }

  /** iommufd_device_change_pt. */
  private change(ptId: number, immediate: boolean, attach: Attach): number {
    const object = this.context.objects.get(ptId);
    if (object === undefined) return -ERRNO.ENOENT;
    switch (object.kind) {
      case 'hwpt-paging':
      case 'hwpt-nested':
        return this.finish(object as AnyHwpt, attach(object as AnyHwpt));
      case 'ioas':
        return this.automatic(object as Ioas, immediate, attach);
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** iommufd_device_auto_get_domain: EINVAL says that a page table does not suit this device, so that another is made. */
  private automatic(ioas: Ioas, immediate: boolean, attach: Attach): number {
    for (const hwpt of ioas.hwpts.filter((candidate) => candidate.automatic)) {
      const result = this.finish(hwpt, attach(hwpt));
      if (result !== -ERRNO.EINVAL) return result;
    }
    const made = allocateHwpt(this.context, ioas, this, AUTOMATIC, immediate ? attach : undefined);
    if (typeof made === 'number') return made;
    if (immediate) return made.id;
    const result = this.finish(made, attach(made));
    if (result < 0) this.context.objects.remove(made);
    return result;
  }

  private finish(hwpt: AnyHwpt, result: { readonly left: AnyHwpt | undefined } | number): number {
    if (typeof result === 'number') return result;
    if (result.left !== undefined) this.put(result.left);
    return hwpt.id;
  }

  private put(hwpt: AnyHwpt): void {
    this.context.objects.put(hwpt, hwpt.automatic);
  }
}

const AUTOMATIC = { automatic: true, nestParent: false, dirtyTracking: false, pasid: false } as const;
