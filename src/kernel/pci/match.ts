/** Which driver is for which device (drivers/pci/pci-driver.c of Linux 7.3: pci_match_device, pci_match_one_device). */
import { PCI } from '../../../sim/pci/registers.ts';
import type { PciDevice } from './device.ts';
import { ANY_ID, type PciDriver, type PciId } from './driver.ts';

/** What of a device an id is compared with. */
export interface Identity {
  readonly vendor: number;
  readonly device: number;
  readonly subvendor: number;
  readonly subdevice: number;
  /** Class, subclass and programming interface. */
  readonly class: number;
}

export function identityOf(device: PciDevice): Identity {
  return {
    vendor: device.vendor,
    device: device.device,
    subvendor: device.readConfig(PCI.SUBSYSTEM_VENDOR_ID, 2),
    subdevice: device.readConfig(PCI.SUBSYSTEM_ID, 2),
    class: device.readConfig(PCI.REVISION_ID, 4) >>> 8,
  };
}

const isOrAny = (wanted: number | undefined, value: number): boolean =>
  wanted === undefined || wanted === ANY_ID || wanted === value;

/** Fields that an id leaves out match anything. */
export function matchesId(id: PciId, found: Identity): boolean {
  return (
    isOrAny(id.vendor, found.vendor) &&
    isOrAny(id.device, found.device) &&
    isOrAny(id.subvendor, found.subvendor) &&
    isOrAny(id.subdevice, found.subdevice) &&
    (((id.class ?? 0) ^ found.class) & (id.classMask ?? 0)) === 0
  );
}

/** An override names the one driver that may bind, whatever its table says; tables marked so match in no other way. */
export function matches(driver: PciDriver, device: PciDevice, added: readonly PciId[]): boolean {
  const override = device.driverOverride;
  if (override !== undefined) return override === driver.name;
  const found = identityOf(device);
  if (added.some((id) => matchesId(id, found))) return true;
  return driver.overrideOnly !== true && driver.ids.some((id) => matchesId(id, found));
}
