/** IOMMU_HWPT_INVALIDATE (hw_pagetable.c: iommufd_hwpt_invalidate): the guest changed its page tables. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import {
  HWPT_INVALIDATE_DATA,
  iommu_hwpt_invalidate,
  iommu_hwpt_vtd_s1_invalidate,
  iommu_viommu_arm_smmuv3_invalidate,
} from '../uapi/iommufd.ts';
import { copyStruct } from './copy-struct.ts';
import type { NestedHwpt } from './hwpt.ts';
import { misaligned, PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

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
  const array = { type: cmd.u32(at.data_type), address: Number(cmd.u64(at.data_uptr)), length, count };
  switch (object.kind) {
    case 'hwpt-nested':
      // A guest of a vIOMMU has its whole IOMMU's cache there, and none at a page table.
      if ((object as NestedHwpt).base.kind === 'viommu') return -ERRNO.EOPNOTSUPP;
      return flushStage1(cmd.caller, array, handled);
    case 'viommu':
      return runCommands(cmd.caller, object as Viommu, array, handled);
    default:
      return -ERRNO.EINVAL;
  }
}

/** Entries of the user (struct iommu_user_data_array). */
interface Entries {
  readonly type: number;
  readonly address: number;
  /** Of one entry, bytes. */
  readonly length: number;
  readonly count: number;
}

const VTD = iommu_hwpt_vtd_s1_invalidate;

/** intel/nested.c: intel_nested_cache_invalidate_user. The emulated unit caches nothing, so nothing more is to do. */
function flushStage1(caller: Process, entries: Entries, handled: (count: number) => void): number {
  if (entries.type !== HWPT_INVALIDATE_DATA.VTD_S1) return -ERRNO.EINVAL;
  for (let index = 0; index < entries.count; index++) {
    if (entries.length !== VTD.size) return -ERRNO.EINVAL;
    const bytes = caller.copyFromUser(entries.address + index * VTD.size, VTD.size);
    const error = bytes === undefined ? -ERRNO.EFAULT : checkStage1Entry(viewOf(bytes));
    if (error !== 0) return error;
    handled(index + 1);
  }
  return 0;
}

function checkStage1Entry(view: DataView): number {
  const [address, pages] = [view.getBigUint64(VTD.at.addr, true), view.getBigUint64(VTD.at.npages, true)];
  if (view.getUint32(VTD.at.flags, true) > 1 || view.getUint32(VTD.at.__reserved, true) !== 0) return -ERRNO.EOPNOTSUPP;
  return misaligned(address, PAGE) || (pages === U64_MAX && address !== 0n) ? -ERRNO.EINVAL : 0;
}

const COMMAND = iommu_viommu_arm_smmuv3_invalidate;

/** arm-smmu-v3-iommufd.c: arm_vsmmu_cache_invalidate. All commands are copied before the first is looked at. */
function runCommands(caller: Process, viommu: Viommu, entries: Entries, handled: (count: number) => void): number {
  if (entries.type !== HWPT_INVALIDATE_DATA.VIOMMU_ARM_SMMUV3) return -ERRNO.EINVAL;
  const commands: Uint8Array[] = [];
  for (let index = 0; index < entries.count; index++) {
    const bytes = zeroedBytes(COMMAND.size);
    const error = copyStruct(caller, entries.address + index * entries.length, entries.length, bytes);
    if (error !== 0) return error;
    commands.push(bytes);
  }
  for (const [index, bytes] of commands.entries()) {
    if (!allowed(viommu, viewOf(bytes))) return -ERRNO.EIO;
    handled(index + 1);
  }
  return 0;
}

/** arm_vsmmu_convert_user_cmd: those that flush the guest's own translations, and those for a device it knows. */
function allowed(viommu: Viommu, command: DataView): boolean {
  const opcode = command.getUint8(0);
  if (TRANSLATION_COMMANDS.has(opcode)) return true;
  return DEVICE_COMMANDS.has(opcode) && viommu.vdevices.has(BigInt(command.getUint32(4, true)));
}

/** Opcodes (SMMUv3 architecture 4.1.1): TLBI_NH_ALL, _ASID, _VA, _VAA, TLBI_NSNH_ALL. */
const TRANSLATION_COMMANDS: ReadonlySet<number> = new Set([0x10, 0x11, 0x12, 0x13, 0x30]);
/** CFGI_CD, CFGI_CD_ALL, ATC_INV: a stream id is in the upper half of the first word. */
const DEVICE_COMMANDS: ReadonlySet<number> = new Set([0x05, 0x06, 0x40]);
