/** What users give for a page table of their own (iommu.h: iommu_copy_struct_from_user; intel/nested.c; arm-smmu-v3-iommufd.c). */
import { Domain } from '../../sim/iommu/domain.ts';
import type { Stage1 } from '../../sim/iommu/stage1.ts';
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { HWPT_DATA, iommu_hwpt_arm_smmuv3, iommu_hwpt_vtd_s1, VTD_S1_FLAG } from '../uapi/iommufd.ts';
import type { FirstStage, Hwpt } from './hwpt.ts';
import type { Request } from './hwpt-alloc.ts';
import type { Viommu } from './viommu.ts';

/** The driver's alloc_domain_nested: on a page table that of VT-d, in a vIOMMU that of the SMMU. Or a negated errno. */
export function firstStage(
  caller: Process,
  base: Hwpt | Viommu,
  request: Request,
  pasid: boolean,
): FirstStage | number {
  const made = base.kind === 'viommu' ? smmuStage(caller, request, pasid) : vtdStage(caller, request);
  if (typeof made === 'number') return made;
  const parent = base.kind === 'viommu' ? base.parent : base;
  const domain = new Domain('nested', `nested on hwpt ${parent.id}`);
  domain.nest(parent.domain, made.stage1);
  return { domain, refused: made.refused };
}

interface Made {
  readonly stage1: Stage1;
  readonly refused: number;
}

/** struct iommu_hwpt_vtd_s1: the root of an x86 page table. What it says is looked at by attaching. */
function vtdStage(caller: Process, request: Request): Made | number {
  if (request.dataType !== HWPT_DATA.VTD_S1) return -ERRNO.EOPNOTSUPP;
  const { at, size } = iommu_hwpt_vtd_s1;
  const view = copyData(caller, request, size);
  if (typeof view === 'number') return view;
  // intel/pasid.c: intel_pasid_setup_nested. The unit has four levels, no supervisor requests, no extended access flag.
  const flags = view.getBigUint64(at.flags, true);
  const refused =
    (flags & BigInt(VTD_S1_FLAG.SRE | VTD_S1_FLAG.EAFE)) !== 0n || view.getUint32(at.addr_width, true) !== 48;
  const root = Number(view.getBigUint64(at.pgtbl_addr, true) & ROOT_MASK);
  return { stage1: { kind: 'x86', root }, refused: refused ? -ERRNO.EINVAL : 0 };
}

/** The root is a page of the 48 bits that the second stage has. */
const ROOT_MASK = 0xffff_ffff_f000n;

/**
 * struct iommu_hwpt_arm_smmuv3 (arm_smmu_validate_vste): an entry that aborts or passes by. One that translates needs
 * context descriptors, which are not modelled (SMMUv3 architecture, 5.2: STE.Config).
 */
function smmuStage(caller: Process, request: Request, pasid: boolean): Made | number {
  if (pasid) return -ERRNO.EOPNOTSUPP;
  if (request.dataType !== HWPT_DATA.ARM_SMMUV3) return -ERRNO.EINVAL;
  const view = copyData(caller, request, iommu_hwpt_arm_smmuv3.size);
  if (typeof view === 'number') return view;
  const [low, high] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  if ((low & STE.V) === 0n) return { stage1: { kind: 'abort' }, refused: 0 };
  const config = Number((low >> 1n) & 7n);
  const known = config === STE_CONFIG.ABORT || config === STE_CONFIG.BYPASS || config === STE_CONFIG.S1_TRANS;
  if ((low & ~STE.LOW) !== 0n || (high & ~STE.HIGH) !== 0n || !known) return -ERRNO.EIO;
  if (config === STE_CONFIG.S1_TRANS) return -ERRNO.EOPNOTSUPP;
  return { stage1: { kind: config === STE_CONFIG.ABORT ? 'abort' : 'bypass' }, refused: 0 };
}

/** Bits of an STE: valid, and those of both words that a guest may set (STRTAB_STE_0_, _1_NESTING_ALLOWED). */
const STE = { V: 1n, LOW: 0xf80f_ffff_ffff_ffffn, HIGH: 0x3800_00ffn } as const;
const STE_CONFIG = { ABORT: 0, BYPASS: 4, S1_TRANS: 5 } as const;

/** iommu_copy_struct_from_user: of exactly this size in its first version, and in every one since. */
function copyData(caller: Process, { dataLength, dataAddress }: Request, size: number): DataView | number {
  if (dataLength !== size) return -ERRNO.EINVAL;
  const bytes = zeroedBytes(size);
  return caller.copyFromUserInto(Number(dataAddress), bytes) ? viewOf(bytes) : -ERRNO.EFAULT;
}
