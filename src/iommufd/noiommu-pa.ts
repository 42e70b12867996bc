/** IOMMU_IOAS_NOIOMMU_GET_PA: where memory lies that a device without an IOMMU is to reach. */
import { ERRNO } from '../uapi/errno.ts';
import { iommu_ioas_noiommu_get_pa } from '../uapi/iommufd.ts';
import { ioasOf } from './ioas-ioctls.ts';
import { PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';

const { at } = iommu_ioas_noiommu_get_pa;

export function ioasNoiommuGetPa(cmd: Ucmd): number {
  if (!cmd.caller.capabilities.has('CAP_SYS_RAWIO')) return -ERRNO.EPERM;
  if (cmd.u32(at.flags) !== 0 || cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const [iova, length] = [cmd.u64(at.iova), cmd.u64(at.length)];
  if (length === 0n) return -ERRNO.EINVAL;
  if (iova === U64_MAX) return -ERRNO.EOVERFLOW;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  const area = ioas.table.areas.first(iova, iova);
  if (area === undefined) return -ERRNO.ENOENT;
  const table = ioas.table.tables.find(({ domain }) => domain.kind === 'paging' && domain.software);
  if (table === undefined) return -ERRNO.EOPNOTSUPP;
  // Page by page: IOVAs go up to 2^64 here, and only those of pages are numbers.
  const page = Number(iova - (iova % PAGE));
  const mapping = table.domain.mappings.at(page);
  if (mapping === undefined) return -ERRNO.EINVAL;
  const offset = page - mapping.start + Number(iova % PAGE);
  const bytes = BigInt(mapping.length - offset);
  cmd.view.setBigUint64(at.length, bytes < length ? bytes : length, true);
  cmd.view.setBigUint64(at.out_phys, BigInt(mapping.physical + offset), true);
  return cmd.respond();
}
