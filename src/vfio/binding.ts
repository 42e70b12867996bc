/**
 * A device bound to an iommufd (drivers/vfio/iommufd.c): real devices with their DMA, emulated ones as kernel users of
 * an IOAS. An attachment that exists already is replaced.
 */
import { Iommu } from '../../sim/iommu/iommu.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import { Access } from '../iommufd/access.ts';
import type { Context } from '../iommufd/context.ts';
import { IommufdDevice } from '../iommufd/device.ts';
import { IommuGroup } from '../kernel/iommu-group.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { VfioDevice } from './device.ts';

/** What is bound. `pasid` undefined: the requests of the function itself. */
export interface Binding {
  /** The number of the device in its iommufd. */
  readonly id: number;
  readonly context: Context;
  /** What kernel users of emulated devices pin and copy through. */
  readonly access: Access | undefined;
  /** The number of the page table that is used (for an emulated device of the IOAS itself), or a negated errno. */
  attach(ptId: number, pasid: number | undefined): number;
  detach(pasid: number | undefined): void;
  /** Detaches everything first. */
  unbind(): void;
}

/** Where devices without an IOMMU are "attached": page tables that only say where memory lies. */
const SOFTWARE: IommuDescription = { aperture: [0, 2 ** 64 - 1], pageSizes: [4096], software: true };
/** PASIDs are numbered by an allocator of ints. */
const LAST_PASID = 0x7fff_ffff;

/** vfio_df_iommufd_bind: the binding, or a negated errno. */
export function bindDevice(device: VfioDevice, context: Context): Binding | number {
  const group = device.group!;
  if (group.kind === 'emulated') return EmulatedBinding.bind(device, context);
  const iommuGroup = group.iommuGroup ?? new IommuGroup(-1, new Iommu(SOFTWARE));
  const pci = iommuGroup.devices.find(({ name }) => name === device.name);
  const bound = IommufdDevice.bind(context, pci, iommuGroup);
  return typeof bound === 'number' ? bound : new PhysicalBinding(bound, context);
}

/** vfio_iommufd_physical_*. */
class PhysicalBinding implements Binding {
  readonly id: number;
  readonly context: Context;
  readonly access = undefined;
  private readonly bound: IommufdDevice;
  private attached = false;
  private readonly pasids = new Set<number>();

  constructor(bound: IommufdDevice, context: Context) {
    this.id = bound.id;
    this.context = context;
    this.bound = bound;
  }

  attach(ptId: number, pasid: number | undefined): number {
    return pasid === undefined ? this.attachSelf(ptId) : this.attachPasid(ptId, pasid);
  }

  detach(pasid: number | undefined): void {
    if (pasid !== undefined) {
      if (this.pasids.delete(pasid)) this.bound.detach(pasid);
    } else if (this.attached) {
      this.bound.detach();
      this.attached = false;
    }
  }

  unbind(): void {
    for (const pasid of [...this.pasids].sort((a, b) => a - b)) this.detach(pasid);
    this.detach(undefined);
    this.bound.unbind();
  }

  private attachSelf(ptId: number): number {
    const result = this.attached ? this.bound.replace(ptId) : this.bound.attach(ptId);
    this.attached ||= result >= 0;
    return result;
  }

  private attachPasid(ptId: number, pasid: number): number {
    if (this.pasids.has(pasid)) return this.bound.replace(ptId, pasid);
    if (pasid > LAST_PASID) return -ERRNO.ENOSPC;
    const result = this.bound.attach(ptId, pasid);
    if (result >= 0) this.pasids.add(pasid);
    return result;
  }
}

/** vfio_iommufd_emulated_*. */
class EmulatedBinding implements Binding {
  readonly id: number;
  readonly context: Context;
  readonly access: Access;

  private constructor(access: Access, context: Context) {
    this.access = access;
    this.id = access.id;
    this.context = context;
  }

  static bind(device: VfioDevice, context: Context): EmulatedBinding | number {
    const { dma_unmap } = device.ops;
    const notify = (iova: bigint, length: bigint): void => dma_unmap?.(device.data, Number(iova), Number(length));
    const access = Access.create(context, dma_unmap === undefined ? undefined : notify);
    return typeof access === 'number' ? access : new EmulatedBinding(access, context);
  }

  attach(ptId: number): number {
    const { access } = this;
    const error = access.ioas === undefined ? access.attach(ptId) : access.replace(ptId);
    return error === 0 ? ptId : error;
  }

  detach(): void {
    this.access.detach();
  }

  unbind(): void {
    this.access.release();
  }
}
