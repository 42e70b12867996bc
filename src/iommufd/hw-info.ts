/** IOMMU_GET_HW_INFO (device.c: iommufd_get_hw_info): what the IOMMU in front of a device is and can do. */

import { vtdRegisters } from '../../sim/iommu/vtd.ts';
import { EXT_CAP, PASID, PASID_CTRL } from '../../sim/pci/registers.ts';
import { ERRNO } from '../uapi/errno.ts';
import {
  HW_CAP,
  HW_INFO_FLAG,
  HW_INFO_TYPE,
  HW_INFO_VTD_FLAG,
  iommu_hw_info,
  iommu_hw_info_vtd,
} from '../uapi/iommufd.ts';
import type { IommufdDevice } from './device.ts';
import type { Ucmd } from './ucmd.ts';

const { at } = iommu_hw_info;

export function getHwInfo(cmd: Ucmd): number {
  const flags = cmd.u32(at.flags);
  const reserved = [0, 1, 2].some((index) => cmd.view.getUint8(at.__reserved + index) !== 0);
  if ((flags & ~HW_INFO_FLAG.INPUT_TYPE) !== 0 || reserved) return -ERRNO.EOPNOTSUPP;
  const type = flags & HW_INFO_FLAG.INPUT_TYPE ? cmd.u32(at.out_data_type) : HW_INFO_TYPE.DEFAULT;
  const device = cmd.context.objects.get(cmd.u32(at.dev_id), 'device') as IommufdDevice | undefined;
  if (device === undefined) return -ERRNO.ENOENT;
  if (device.iommu.features.software) return -ERRNO.EOPNOTSUPP;
  if (type !== HW_INFO_TYPE.DEFAULT && type !== HW_INFO_TYPE.INTEL_VTD) return -ERRNO.EOPNOTSUPP;
  // The driver's answer (intel_iommu_hw_info).
  if (cmd.context.noMemory()) return -ERRNO.ENOMEM;
  const info = describe(device);
  const room = cmd.u32(at.data_len);
  // More room than there is information is filled with zeros, however much it is.
  if (!copyPadded(cmd, info, room)) return -ERRNO.EFAULT;
  cmd.view.setUint32(at.data_len, info.length, true);
  cmd.view.setUint32(at.out_data_type, HW_INFO_TYPE.INTEL_VTD, true);
  cmd.view.setUint8(at.out_max_pasid_log2, Math.max(0, Math.log2(Math.max(1, device.maxPasids))));
  cmd.view.setBigUint64(at.out_capabilities, BigInt(capabilities(device)), true);
  return cmd.respond();
}

/** struct iommu_hw_info_vtd: the capability registers as they are (intel/iommu.c: intel_iommu_hw_info). */
function describe(device: IommufdDevice): Uint8Array {
  const bytes = new Uint8Array(iommu_hw_info_vtd.size);
  const view = new DataView(bytes.buffer);
  // Set whatever the unit: guests are to keep away from writes through read-only nesting (intel/iommu.c).
  view.setUint32(iommu_hw_info_vtd.at.flags, HW_INFO_VTD_FLAG.ERRATA_772415_SPR17, true);
  const { cap, ecap } = vtdRegisters(device.iommu.features);
  view.setBigUint64(iommu_hw_info_vtd.at.cap_reg, cap, true);
  view.setBigUint64(iommu_hw_info_vtd.at.ecap_reg, ecap, true);
  return bytes;
}

function copyPadded(cmd: Ucmd, info: Uint8Array, room: number): boolean {
  const address = Number(cmd.u64(at.data_uptr));
  const { caller } = cmd;
  if (!caller.copyToUser(address, info.subarray(0, Math.min(room, info.length)))) return false;
  const zeros = new Uint8Array(4096);
  for (let done = info.length; done < room; done += zeros.length)
    if (!caller.copyToUser(address + done, zeros.subarray(0, Math.min(zeros.length, room - done)))) return false;
  return true;
}

function capabilities(device: IommufdDevice): number {
  const owner = device.pci?.physfn ?? device.pci;
  const at = (id: number): number => owner?.extendedCapability(id) ?? 0;
  let bits = at(EXT_CAP.ATS) === 0 ? HW_CAP.PCI_ATS_NOT_SUPPORTED : 0;
  if (device.iommu.features.dirtyTracking) bits |= HW_CAP.DIRTY_TRACKING;
  if (device.maxPasids === 0 || owner === undefined) return bits;
  const control = owner.readConfig(at(EXT_CAP.PASID) + PASID.CTRL, 2);
  if (control & PASID_CTRL.EXEC) bits |= HW_CAP.PCI_PASID_EXEC;
  if (control & PASID_CTRL.PRIV) bits |= HW_CAP.PCI_PASID_PRIV;
  return bits;
}
