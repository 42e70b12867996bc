/** What users give for a page table of their own (iommu-priv.h: iommu_copy_struct_from_user; intel/nested.c). */
import type { Stage1 } from '../../sim/iommu/stage1.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { HWPT_DATA, iommu_hwpt_arm_smmuv3, iommu_hwpt_vtd_s1, VTD_S1_FLAG } from '../uapi/iommufd.ts';

/** Larger than any struct a driver takes: what lies beyond must be zero and is looked at in one go. */
const MOST = 4096;

/** The user's data for a driver: its bytes, or EFAULT, or E2BIG where they are more than any driver takes. */
export function readUserData(caller: Process, address: bigint, length: number): Uint8Array | number {
  const bytes = caller.memory.read(Number(address), Math.min(length, MOST));
  if (bytes === undefined) return -ERRNO.EFAULT;
  return length > MOST ? -ERRNO.E2BIG : bytes;
}

/** The first stage that data of this type describes, or EOPNOTSUPP, EINVAL, E2BIG. */
export function stage1Of(type: number, bytes: Uint8Array): Stage1 | number {
  switch (type) {
    case HWPT_DATA.VTD_S1:
      return vtdStage1(bytes);
    case HWPT_DATA.ARM_SMMUV3:
      return streamTableEntry(bytes);
    default:
      return -ERRNO.EOPNOTSUPP;
  }
}

/** struct iommu_hwpt_vtd_s1: the root of an x86 page table. */
function vtdStage1(bytes: Uint8Array): Stage1 | number {
  const { at, size } = iommu_hwpt_vtd_s1;
  const error = checkSize(bytes, size);
  if (error !== 0) return error;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const flags = view.getBigUint64(at.flags, true);
  const known = BigInt(VTD_S1_FLAG.SRE | VTD_S1_FLAG.EAFE | VTD_S1_FLAG.WPE);
  if ((flags & ~known) !== 0n || view.getUint32(at.__reserved, true) !== 0) return -ERRNO.EINVAL;
  const width = view.getUint32(at.addr_width, true);
  if (width !== 48 && width !== 57) return -ERRNO.EINVAL;
  const root = Number(view.getBigUint64(at.pgtbl_addr, true) & ~0xfffn);
  return { kind: 'x86', root, levels: width === 48 ? 4 : 5 };
}

/**
 * struct iommu_hwpt_arm_smmuv3: an entry that aborts or passes by. One that translates needs context descriptors, which
 * are not modelled (SMMUv3 architecture, 5.2: STE.Config).
 */
function streamTableEntry(bytes: Uint8Array): Stage1 | number {
  const error = checkSize(bytes, iommu_hwpt_arm_smmuv3.size);
  if (error !== 0) return error;
  const ste = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if ((ste & STE_V) === 0n) return { kind: 'abort' };
  switch (Number((ste >> 1n) & 7n)) {
    case STE_CONFIG.ABORT:
      return { kind: 'abort' };
    case STE_CONFIG.BYPASS:
      return { kind: 'bypass' };
    default:
      return -ERRNO.EOPNOTSUPP;
  }
}

const STE_V = 1n;
const STE_CONFIG = { ABORT: 0, BYPASS: 4 } as const;

function checkSize(bytes: Uint8Array, size: number): number {
  if (bytes.length < size) return -ERRNO.EINVAL;
  return bytes.subarray(size).some((byte) => byte !== 0) ? -ERRNO.E2BIG : 0;
}
