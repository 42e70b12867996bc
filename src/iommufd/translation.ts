/** What an attachment changes in the IOMMU (iommufd_hwpt_attach_device and what it calls): translation and page requests. */
import { EXT_CAP, PASID } from '../../sim/pci/registers.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { PageFaultHandler } from '../kernel/page-faults.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { pageRequestsEnabled } from '../kernel/pci/translation-services.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { FaultQueue, FaultSource } from './fault-queue.ts';
import type { AnyHwpt } from './hwpt.ts';

/** IOMMU_NO_PASID: the requests of the function itself. */
export const NO_PASID = 0;

/** Points the group's translation at the page table for the sake of `pci`, and its page requests; 0 or a negated errno. */
export function program(
  group: IommuGroup,
  pci: PciDevice | undefined,
  pasid: number,
  hwpt: AnyHwpt,
  source: FaultSource,
): number {
  if (group.devices.some((member) => member.resetting)) return -ERRNO.EBUSY;
  if (hwpt.iommu !== group.iommu) return -ERRNO.EINVAL;
  // A VF's page requests come to its PF, which this kernel does not route to a user.
  if (hwpt.fault !== undefined && pci?.physfn?.extendedCapability(EXT_CAP.PRI)) return -ERRNO.EINVAL;
  const users = pasid === NO_PASID ? group.devices : pasidUsers(group, pasid);
  if (typeof users === 'number') return users;
  // intel_iommu_enable_iopf.
  if (hwpt.fault !== undefined && !users.every(pageRequestsEnabled)) return -ERRNO.ENODEV;
  if (hwpt.refused !== 0 && users.length > 0) return hwpt.refused;
  if (pasid === NO_PASID) group.attach(hwpt.domain);
  else for (const { function: fn } of users) group.iommu.attachPasid(fn.aliasId, pasid, hwpt.domain);
  routeFaults(group, pasid, hwpt.fault, source);
  return 0;
}

/** The last device of an attachment left. */
export function unprogram(group: IommuGroup, pasid: number): void {
  if (pasid === NO_PASID) group.detach();
  else for (const { function: fn } of group.devices) group.iommu.attachPasid(fn.aliasId, pasid, undefined);
  routeFaults(group, pasid, undefined, undefined);
}

/** pci_max_pasids: by the width in the PASID capability, which a VF shares with its PF (PCIe 7.8.9.2). */
export function pasidsOf(pci: PciDevice): number {
  const owner = pci.physfn ?? pci;
  const at = owner.extendedCapability(EXT_CAP.PASID);
  return at === 0 ? 0 : 2 ** ((owner.readConfig(at + PASID.CAP, 2) >>> 8) & 0x1f);
}

/**
 * iommu_attach_device_pasid: all devices of the group that have PASIDs, and are thus programmed. One without any only
 * has the attachment recorded.
 */
function pasidUsers(group: IommuGroup, pasid: number): readonly PciDevice[] | number {
  if (!group.iommu.features.pasid) return [];
  const able = group.devices.filter((member) => pasidsOf(member) > 0);
  return able.some((member) => pasid >= pasidsOf(member)) ? -ERRNO.EINVAL : able;
}

function routeFaults(
  { devices, pageFaults }: IommuGroup,
  pasid: number,
  queue: FaultQueue | undefined,
  source: FaultSource | undefined,
): void {
  const handler: PageFaultHandler | undefined =
    queue && source && ((requests, respond) => queue.report({ source, requests, respond }));
  for (const { function: fn } of devices)
    pageFaults.handle(fn.aliasId, pasid === NO_PASID ? undefined : pasid, handler);
}
