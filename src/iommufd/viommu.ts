/** Virtual IOMMUs (viommu.c): a slice of an IOMMU for one guest, on a page table that others may be nested on. */
import type { Iommu } from '../../sim/iommu/iommu.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import { ERRNO } from '../uapi/errno.ts';
import { iommu_viommu_alloc, VIOMMU_TYPE } from '../uapi/iommufd.ts';
import type { IommufdDevice } from './device.ts';
import type { HwQueue } from './hw-queue.ts';
import type { Hwpt } from './hwpt.ts';
import type { IommufdObject } from './object.ts';
import type { Ucmd } from './ucmd.ts';
import type { Vdevice } from './vdevice.ts';
import type { Veventq } from './veventq.ts';

const { at } = iommu_viommu_alloc;

export class Viommu implements IommufdObject {
  readonly kind = 'viommu';
  id = 0;
  users = 1;
  /** VIOMMU_TYPE. */
  readonly type: number;
  readonly parent: Hwpt;
  /** By the number the guest knows the device by. */
  readonly vdevices = new Map<bigint, Vdevice>();
  readonly queues: Veventq[] = [];
  readonly hwQueues = new Map<number, HwQueue>();

  constructor(type: number, parent: Hwpt) {
    this.type = type;
    this.parent = parent;
    parent.users++;
  }

  get iommu(): Iommu {
    return this.parent.iommu;
  }

  /** iommufd_viommu_report_event: an event for the guest; EOPNOTSUPP if it has no queue for such. */
  report(type: number, data: Uint8Array): number {
    const queue = this.queues.find((candidate) => candidate.type === type);
    if (queue === undefined) return -ERRNO.EOPNOTSUPP;
    queue.report(data);
    return 0;
  }

  destroy(): void {
    this.parent.users--;
  }
}

/** Has an IOMMU with these features virtual IOMMUs of `type`? */
function offers(features: IommuDescription, type: number): boolean {
  if (type === VIOMMU_TYPE.ARM_SMMUV3) return features.virtual !== undefined;
  return type === VIOMMU_TYPE.TEGRA241_CMDQV && features.virtual === 'tegra241-cmdqv';
}

/** IOMMU_VIOMMU_ALLOC. */
export function viommuAlloc(cmd: Ucmd): number {
  const { objects } = cmd.context;
  const type = cmd.u32(at.type);
  if (cmd.u32(at.flags) !== 0 || type === VIOMMU_TYPE.DEFAULT) return -ERRNO.EOPNOTSUPP;
  const device = objects.get(cmd.u32(at.dev_id), 'device') as IommufdDevice | undefined;
  if (device === undefined) return -ERRNO.ENOENT;
  if (!offers(device.iommu.features, type)) return -ERRNO.EOPNOTSUPP;
  const parent = objects.get(cmd.u32(at.hwpt_id), 'hwpt-paging') as Hwpt | undefined;
  if (parent === undefined) return -ERRNO.ENOENT;
  if (!parent.options.nestParent || parent.iommu !== device.iommu) return -ERRNO.EINVAL;
  if (cmd.context.noRoom()) return -ERRNO.ENOMEM;
  const viommu = objects.add(new Viommu(type, parent));
  cmd.view.setUint32(at.out_viommu_id, viommu.id, true);
  const error = cmd.respond();
  if (error !== 0) objects.remove(viommu);
  return error;
}
