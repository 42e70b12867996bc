/**
 * PASID, page requests and ATS of a function (drivers/pci/ats.c of Linux 7.3), which the IOMMU driver switches on when it
 * finds the device (intel/iommu.c: intel_iommu_probe_finalize), in this order: PASID may not change once ATS is on.
 */
import type { IommuDescription } from '../../../sim/pci/description.ts';
import { ATS, ATS_CTRL, EXT_CAP, PASID, PASID_CTRL, PRI, PRI_CTRL } from '../../../sim/pci/registers.ts';
import type { PciDevice } from './device.ts';

/** PRQ_DEPTH: page requests a device may have outstanding. */
const PAGE_REQUESTS = 32;

export function enableTranslationServices(device: PciDevice, features: IommuDescription): void {
  const pasid = device.extendedCapability(EXT_CAP.PASID);
  if (features.pasid && pasid !== 0) {
    const offered = device.readConfig(pasid + PASID.CAP, 2) & (PASID_CTRL.EXEC | PASID_CTRL.PRIV);
    device.writeConfig(pasid + PASID.CTRL, 2, PASID_CTRL.ENABLE | offered);
  }
  const ats = device.extendedCapability(EXT_CAP.ATS);
  const pri = device.extendedCapability(EXT_CAP.PRI);
  if (!features.pageRequests || ats === 0) return;
  device.writeConfig(ats + ATS.CTRL, 2, ATS_CTRL.ENABLE);
  if (pri === 0) return;
  const most = device.readConfig(pri + PRI.MAX_REQ, 4);
  device.writeConfig(pri + PRI.ALLOC_REQ, 4, Math.min(most, PAGE_REQUESTS));
  device.writeConfig(pri + PRI.CTRL, 2, PRI_CTRL.ENABLE);
}

/** pdev->pri_enabled, which a VF has from its PF. */
export function pageRequestsEnabled(device: PciDevice): boolean {
  const owner = device.physfn ?? device;
  const at = owner.extendedCapability(EXT_CAP.PRI);
  return at !== 0 && (owner.readConfig(at + PRI.CTRL, 2) & PRI_CTRL.ENABLE) !== 0;
}

/** Registers of what is on: the kernel puts them back after a reset (pci_restore_pasid_state and its like). */
export function* enabledTranslationServices(device: PciDevice): Generator<[at: number, width: number]> {
  const { config } = device.function;
  const pasid = device.extendedCapability(EXT_CAP.PASID);
  if (pasid !== 0 && config.read(pasid + PASID.CTRL, 2) & PASID_CTRL.ENABLE) yield [pasid + PASID.CTRL, 2];
  const pri = device.extendedCapability(EXT_CAP.PRI);
  if (pri !== 0 && config.read(pri + PRI.CTRL, 2) & PRI_CTRL.ENABLE) {
    yield [pri + PRI.ALLOC_REQ, 4];
    yield [pri + PRI.CTRL, 2];
  }
  const ats = device.extendedCapability(EXT_CAP.ATS);
  if (ats !== 0 && config.read(ats + ATS.CTRL, 2) & ATS_CTRL.ENABLE) yield [ats + ATS.CTRL, 2];
}
