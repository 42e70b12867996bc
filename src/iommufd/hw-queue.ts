/** Queues of a virtual IOMMU that the hardware reads by itself (viommu.c: iommufd_hw_queue_alloc_ioctl). */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { ERRNO } from '../uapi/errno.ts';
import { HW_QUEUE_TYPE, iommu_hw_queue_alloc, VIOMMU_TYPE } from '../uapi/iommufd.ts';
import { Access } from './access.ts';
import type { Area } from './area.ts';
import type { IommufdObject } from './object.ts';
import { lastOf, PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

const { at } = iommu_hw_queue_alloc;
/** Queues a virtual interface has (tegra241-cmdqv: 2 logical ones). */
const QUEUES = 2;

export class HwQueue implements IommufdObject {
  readonly kind = 'hw-queue';
  id = 0;
  users = 1;
  readonly index: number;
  /** Address of the queue, which the hardware reads untranslated. */
  readonly physical: number;
  private readonly viommu: Viommu;
  private readonly letGo: () => void;

  constructor(viommu: Viommu, index: number, physical: number, letGo: () => void) {
    this.viommu = viommu;
    this.index = index;
    this.physical = physical;
    this.letGo = letGo;
    viommu.users++;
    viommu.hwQueues.set(index, this);
  }

  destroy(): void {
    this.viommu.hwQueues.delete(this.index);
    this.viommu.users--;
    this.letGo();
  }
}

/** IOMMU_HW_QUEUE_ALLOC. */
export function hwQueueAlloc(cmd: Ucmd): number {
  const { objects } = cmd.context;
  const [type, index] = [cmd.u32(at.type), cmd.u32(at.index)];
  const [iova, length] = [cmd.u64(at.nesting_parent_iova), cmd.u64(at.length)];
  if (cmd.u32(at.flags) !== 0 || type === HW_QUEUE_TYPE.DEFAULT) return -ERRNO.EOPNOTSUPP;
  if (length === 0n) return -ERRNO.EINVAL;
  const last = lastOf(iova, length);
  if (last === undefined) return -ERRNO.EOVERFLOW;
  const viommu = objects.get(cmd.u32(at.viommu_id), 'viommu') as Viommu | undefined;
  if (viommu === undefined) return -ERRNO.ENOENT;
  if (viommu.type !== VIOMMU_TYPE.TEGRA241_CMDQV || type !== HW_QUEUE_TYPE.TEGRA241_CMDQV) return -ERRNO.EOPNOTSUPP;
  if (last + PAGE > U64_MAX) return -ERRNO.ERANGE;
  const memory = pinContiguous(cmd, viommu, iova, last);
  if (typeof memory === 'number') return memory;
  if (index >= QUEUES || viommu.hwQueues.has(index)) {
    memory.letGo();
    return index >= QUEUES ? -ERRNO.EINVAL : -ERRNO.EEXIST;
  }
  if (cmd.context.noRoom()) {
    memory.letGo();
    return -ERRNO.ENOMEM;
  }
  const queue = objects.add(new HwQueue(viommu, index, memory.physical, memory.letGo));
  cmd.view.setUint32(at.out_hw_queue_id, queue.id, true);
  const error = cmd.respond();
  if (error !== 0) objects.remove(queue);
  return error;
}

/** iommufd_hw_queue_alloc_phys: memory that cannot be unmapped as long as the hardware reads it. */
function pinContiguous(
  cmd: Ucmd,
  viommu: Viommu,
  iova: bigint,
  last: bigint,
): { readonly physical: number; readonly letGo: () => void } | number {
  const { ioas } = viommu.parent;
  const first = iova - (iova % PAGE);
  const length = last - (last % PAGE) + PAGE - first;
  // The array of its pages.
  if (cmd.context.noMemory()) return -ERRNO.ENOMEM;
  const areas: Area[] = [...ioas.table.areas.within(first, first + length - 1n)];
  const access = Access.createInternal(cmd.context);
  if (typeof access === 'number') return access;
  // An access nobody can name: its number is not the user's to see.
  const attached = access.attach(ioas.id);
  const pages = attached === 0 ? access.pin(first, length, false) : attached;
  if (typeof pages === 'number') {
    access.release();
    return pages;
  }
  const letGo = (): void => {
    for (const area of areas) area.locks--;
    access.unpin(first, length);
    access.release();
  };
  for (const area of areas) area.locks++;
  if (pages.some((page, index) => page !== pages[0]! + index * PAGE_SIZE)) {
    letGo();
    return -ERRNO.EFAULT;
  }
  return { physical: pages[0]! + Number(iova - first), letGo };
}
