/** new_id and remove_id of a PCI driver (drivers/pci/pci-driver.c of Linux 7.3: new_id_store, remove_id_store). */
import { ERRNO } from '../../uapi/errno.ts';
import type { PciBus } from '../pci/bus.ts';
import { ANY_ID, type PciDriver, type PciId } from '../pci/driver.ts';
import { matchesId } from '../pci/match.ts';
import type { Node } from './node.ts';

/** Vendor, device, subvendor, subdevice, class, class mask, and the driver's own data. */
const MOST_FIELDS = 7;

/** Hexadecimal numbers up to the first word that is none, as sscanf takes them. */
function numbers(text: string): number[] {
  const found: number[] = [];
  for (const word of text.trim().split(/\s+/).slice(0, MOST_FIELDS)) {
    if (!/^(0x)?[0-9a-f]+$/i.test(word)) break;
    found.push(Number.parseInt(word, 16));
  }
  return found;
}

function idOf([vendor, device, subvendor, subdevice, class_, classMask]: number[]): Required<PciId> {
  return {
    vendor: vendor!,
    device: device!,
    subvendor: subvendor ?? ANY_ID,
    subdevice: subdevice ?? ANY_ID,
    class: class_ ?? 0,
    classMask: classMask ?? 0,
  };
}

/** Devices with the new id are bound before the write returns. EEXIST: the driver matches them already. */
export function newId(bus: PciBus, driver: PciDriver): Node {
  return {
    kind: 'attribute',
    store(text) {
      const fields = numbers(text);
      if (fields.length < 2) return -ERRNO.EINVAL;
      const id = idOf(fields);
      // The device that the new id is tried on (new_id_store).
      if (fields.length < MOST_FIELDS && bus.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const known = [...bus.addedIds(driver), ...(driver.overrideOnly ? [] : driver.ids)];
      if (fields.length < MOST_FIELDS && known.some((other) => matchesId(other, id))) return -ERRNO.EEXIST;
      return bus.addId(driver, id);
    },
  };
}

/** Devices that are bound stay so. ENODEV: no such id was added. */
export function removeId(bus: PciBus, driver: PciDriver): Node {
  return {
    kind: 'attribute',
    store(text) {
      const fields = numbers(text);
      if (fields.length < 2) return -ERRNO.EINVAL;
      return bus.removeId(driver, idOf(fields)) ? 0 : -ERRNO.ENODEV;
    },
  };
}
