/** IOMMU_HWPT_INVALIDATE (hw_pagetable.c: iommufd_hwpt_invalidate): the guest changed its page tables. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { viewOf } from '../kernel/bytes.ts';
import { ERRNO } from '../uapi/errno.ts';
import {
  HWPT_INVALIDATE_DATA,
  iommu_hwpt_invalidate,
  iommu_hwpt_vtd_s1_invalidate,
  iommu_viommu_arm_smmuv3_invalidate,
} from '../uapi/iommufd.ts';
import type { IommufdObject } from './object.ts';
import { misaligned, PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';

const { at } = iommu_hwpt_invalidate;
const MAX_ENTRIES = 2 ** 19;

/** How many entries were handled comes back always, with an error too. */
export function hwptInvalidate(cmd: Ucmd): number {
  let handled = 0;
  const error = checkAndRun(cmd, (count) => {
    handled = count;
  });
  cmd.view.setUint32(at.entry_num, handled, true);
  const copied = cmd.respond();
  return copied === 0 ? error : copied;
}

function checkAndRun(cmd: Ucmd, handled: (count: number) => void): number {
  const [count, length] = [cmd.u32(at.entry_num), cmd.u32(at.entry_len)];
  if (cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  if (count > 0 && (cmd.u64(at.data_uptr) === 0n || length === 0 || length > PAGE_SIZE || count > MAX_ENTRIES))
    return -ERRNO.EINVAL;
  const object = cmd.context.objects.get(cmd.u32(at.hwpt_id));
  if (object === undefined) return -ERRNO.ENOENT;
  const check = CHECKS[object.kind];
  if (check === undefined) return -ERRNO.EINVAL;
  if (cmd.u32(at.data_type) !== check.type) return -ERRNO.EINVAL;
  for (let index = 0; index < count; index++) {
    const bytes = cmd.caller.memory.read(Number(cmd.u64(at.data_uptr)) + index * length, length);
    if (bytes === undefined) return -ERRNO.EFAULT;
    if (length < check.size) return -ERRNO.EINVAL;
    if (bytes.subarray(check.size).some((byte) => byte !== 0)) return -ERRNO.E2BIG;
    const error = check.entry(bytes);
    if (error !== 0) return error;
    handled(index + 1);
  }
  return 0;
}

interface Check {
  readonly type: number;
  readonly size: number;
  /** The emulated IOMMU caches nothing, so that an entry that is in order has no more effect. */
  readonly entry: (bytes: Uint8Array) => number;
}

const VTD = iommu_hwpt_vtd_s1_invalidate;

/** intel/nested.c: intel_nested_cache_invalidate_user. */
function vtdEntry(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const [address, pages] = [view.getBigUint64(VTD.at.addr, true), view.getBigUint64(VTD.at.npages, true)];
  if (view.getUint32(VTD.at.flags, true) > 1 || view.getUint32(VTD.at.__reserved, true) !== 0) return -ERRNO.EOPNOTSUPP;
  if (misaligned(address, PAGE) || (pages === U64_MAX && address !== 0n)) return -ERRNO.EINVAL;
  return 0;
}

/** Commands a guest may give (SMMUv3 architecture 4.1.1): invalidations of its own stage and its own configuration. */
const SMMU_COMMANDS: ReadonlySet<number> = new Set([0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40]);

/** arm-smmu-v3-iommufd.c: arm_vsmmu_cache_invalidate. */
function smmuEntry(bytes: Uint8Array): number {
  return SMMU_COMMANDS.has(bytes[0]!) ? 0 : -ERRNO.EIO;
}

const CHECKS: Readonly<Partial<Record<IommufdObject['kind'], Check>>> = {
  'hwpt-nested': { type: HWPT_INVALIDATE_DATA.VTD_S1, size: VTD.size, entry: vtdEntry },
  viommu: {
    type: HWPT_INVALIDATE_DATA.VIOMMU_ARM_SMMUV3,
    size: iommu_viommu_arm_smmuv3_invalidate.size,
    entry: smmuEntry,
  },
};
