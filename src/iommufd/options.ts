/** IOMMU_OPTION and IOMMU_VFIO_IOAS (main.c: iommufd_option, vfio_compat.c: iommufd_vfio_ioas). */
import { ERRNO } from '../uapi/errno.ts';
import { iommu_option, iommu_vfio_ioas, OPTION, OPTION_OP, VFIO_IOAS_OP } from '../uapi/iommufd.ts';
import { ioasOf } from './ioas-ioctls.ts';
import type { Ucmd } from './ucmd.ts';

const { at } = iommu_option;

/** IOMMU_OPTION: the value comes back also where it was set. */
export function option(cmd: Ucmd): number {
  if (cmd.view.getUint16(at.__reserved, true) !== 0) return -ERRNO.EOPNOTSUPP;
  const set = OPTIONS.get(cmd.u32(at.option_id));
  if (set === undefined) return -ERRNO.EOPNOTSUPP;
  const error = set(cmd, cmd.view.getUint16(at.op, true), cmd.u32(at.object_id));
  return error === 0 ? cmd.respond() : error;
}

type Option = (cmd: Ucmd, op: number, objectId: number) => number;

/** iommufd_option_rlimit_mode: who pays, chosen before anything exists. */
const rlimitMode: Option = (cmd, op, objectId) => {
  const { context, caller } = cmd;
  if (objectId !== 0) return -ERRNO.EOPNOTSUPP;
  if (op === OPTION_OP.GET) return answer(cmd, context.accountMode === 'mm' ? 1 : 0);
  if (op !== OPTION_OP.SET) return -ERRNO.EOPNOTSUPP;
  if (!caller.capabilities.has('CAP_SYS_RESOURCE')) return -ERRNO.EPERM;
  if (context.objects.size > 0) return -ERRNO.EBUSY;
  const value = cmd.u64(at.val64);
  if (value > 1n) return -ERRNO.EINVAL;
  context.accountMode = value === 1n ? 'mm' : 'user';
  return 0;
};

/** iommufd_ioas_option: without huge pages mappings may be cut at any page. */
const hugePages: Option = (cmd, op, objectId) => {
  const ioas = ioasOf(cmd.context, objectId);
  if (ioas === undefined) return -ERRNO.ENOENT;
  if (op === OPTION_OP.GET) return answer(cmd, ioas.table.hugePagesOff ? 0 : 1);
  if (op !== OPTION_OP.SET) return -ERRNO.EOPNOTSUPP;
  switch (cmd.u64(at.val64)) {
    case 0n:
      return ioas.table.disableHugePages();
    case 1n:
      ioas.table.enableHugePages();
      return 0;
    default:
      return -ERRNO.EINVAL;
  }
};

const OPTIONS: ReadonlyMap<number, Option> = new Map([
  [OPTION.RLIMIT_MODE, rlimitMode],
  [OPTION.HUGE_PAGES, hugePages],
]);

function answer(cmd: Ucmd, value: number): number {
  cmd.view.setBigUint64(at.val64, BigInt(value), true);
  return 0;
}

/** IOMMU_VFIO_IOAS: the IOAS that container ioctls on this file work on. */
export function vfioIoas(cmd: Ucmd): number {
  const { context } = cmd;
  const place = iommu_vfio_ioas.at;
  if (cmd.view.getUint16(place.__reserved, true) !== 0) return -ERRNO.EOPNOTSUPP;
  switch (cmd.view.getUint16(place.op, true)) {
    case VFIO_IOAS_OP.GET:
      if (context.vfioIoas === undefined) return -ERRNO.ENODEV;
      cmd.view.setUint32(place.ioas_id, context.vfioIoas.id, true);
      return cmd.respond();
    case VFIO_IOAS_OP.SET: {
      const ioas = ioasOf(context, cmd.u32(place.ioas_id));
      if (ioas === undefined) return -ERRNO.ENOENT;
      context.vfioIoas = ioas;
      return 0;
    }
    case VFIO_IOAS_OP.CLEAR:
      context.vfioIoas = undefined;
      return 0;
    default:
      return -ERRNO.EOPNOTSUPP;
  }
}
