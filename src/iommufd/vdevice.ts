/** Virtual devices (viommu.c: iommufd_vdevice_alloc_ioctl): what a guest knows a bound device by. */
import { ERRNO } from '../uapi/errno.ts';
import { iommu_vdevice_alloc } from '../uapi/iommufd.ts';
import type { IommufdDevice } from './device.ts';
import type { IommufdObject } from './object.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

const { at } = iommu_vdevice_alloc;

export class Vdevice implements IommufdObject {
  readonly kind = 'vdevice';
  id = 0;
  users = 1;
  readonly virtualId: bigint;
  private readonly viommu: Viommu;
  private readonly device: IommufdDevice;

  constructor(viommu: Viommu, device: IommufdDevice, virtualId: bigint) {
    this.viommu = viommu;
    this.device = device;
    this.virtualId = virtualId;
    viommu.users++;
    viommu.vdevices.set(virtualId, this);
    device.vdevice = this;
  }

  destroy(): void {
    this.viommu.vdevices.delete(this.virtualId);
    this.viommu.users--;
    this.device.vdevice = undefined;
  }
}

/** IOMMU_VDEVICE_ALLOC. */
export function vdeviceAlloc(cmd: Ucmd): number {
  const { objects } = cmd.context;
  const virtualId = cmd.u64(at.virt_id);
  const viommu = objects.get(cmd.u32(at.viommu_id), 'viommu') as Viommu | undefined;
  if (viommu === undefined) return -ERRNO.ENOENT;
  const device = objects.get(cmd.u32(at.dev_id), 'device') as IommufdDevice | undefined;
  if (device === undefined) return -ERRNO.ENOENT;
  if (viommu.iommu !== device.iommu) return -ERRNO.EINVAL;
  if (device.vdevice !== undefined || viommu.vdevices.has(virtualId)) return -ERRNO.EEXIST;
  // The object, and its place among those of the vIOMMU.
  if (cmd.context.noRoom() || cmd.context.noMemory()) return -ERRNO.ENOMEM;
  const vdevice = objects.add(new Vdevice(viommu, device, virtualId));
  cmd.view.setUint32(at.out_vdevice_id, vdevice.id, true);
  const error = cmd.respond();
  if (error !== 0) objects.remove(vdevice);
  return error;
}
