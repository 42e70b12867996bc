/** Which IOMMU group a PCI device belongs to: pci_device_group of drivers/iommu/iommu.c, Linux 7.3. */
import { ACS_BITS, EXT_CAP } from '../../../sim/pci/registers.ts';
import type { Bridge, Topology } from '../../../sim/pci/topology.ts';
import type { IommuGroup } from '../iommu-group.ts';
import type { PciDevice } from './device.ts';

/** SV, RR, CR and UF must hold all the way up for a device to be isolated (REQ_ACS_FLAGS). */
const REQUIRED_ACS = ACS_BITS.SV | ACS_BITS.RR | ACS_BITS.CR | ACS_BITS.UF;

/**
 * The group of an already grouped device that shares translation or an unguarded path with `device`; undefined: the
 * device gets a group of its own. Devices join in the order they are found; groups never merge later.
 */
export function sharedGroup(
  device: PciDevice,
  topology: Topology,
  devices: readonly PciDevice[],
  bridgeGroups: ReadonlyMap<Bridge, IommuGroup>,
): IommuGroup | undefined {
  const alias = devices.find((other) => other !== device && other.group && aliases(other, device));
  if (alias) return alias.group;
  const above = groupAbove(topology.bridgeAbove(device.function), bridgeGroups);
  if (above || device.isVirtfn) return above;
  return devices.find((other) => other !== device && other.group && sameSlot(other, device))?.group;
}

/** The group of the nearest of the bridges that do not isolate what is below them; undefined: all do. */
export function groupAbove(
  bridge: Bridge | undefined,
  bridgeGroups: ReadonlyMap<Bridge, IommuGroup>,
): IommuGroup | undefined {
  const [nearest] = unguarded(bridge);
  return nearest && bridgeGroups.get(nearest);
}

/** Bridges from the device upwards that do not isolate what is below them: up to the highest one without full ACS. */
function unguarded(above: Bridge | undefined): Bridge[] {
  const path: Bridge[] = [];
  for (let bridge = above; bridge; bridge = bridge.parent) path.push(bridge);
  let last = -1;
  path.forEach((bridge, i) => {
    if (!isolates(bridge)) last = i;
  });
  return path.slice(0, last + 1);
}

/** pci_acs_enabled: an upstream port of one function has nobody beside it. */
function isolates({ description, acs }: Bridge): boolean {
  return description.kind === 'upstream-port' || (acs & REQUIRED_ACS) === REQUIRED_ACS;
}

function aliases(a: PciDevice, b: PciDevice): boolean {
  return a.function.aliasId === b.function.aliasId;
}

/** Functions of one multifunction device without ACS of their own can reach each other inside the device. */
function sameSlot(a: PciDevice, b: PciDevice): boolean {
  if (a.isVirtfn || b.isVirtfn) return false;
  return a.function.id >> 3 === b.function.id >> 3 && a.extendedCapability(EXT_CAP.ACS) === 0;
}
