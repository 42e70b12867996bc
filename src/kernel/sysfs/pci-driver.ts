/** /sys/bus/pci/drivers and drivers_probe (drivers/base/bus.c of Linux 7.3). */
import type { Task } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciBus } from '../pci/bus.ts';
import type { PciDriver } from '../pci/driver.ts';
import { parseUnsigned } from './kstrtouint.ts';
import { newId, removeId } from './new-id.ts';
import { collection, type Directory, type Node } from './node.ts';
import { devicePath } from './pci-device.ts';

const FILES: Record<string, (bus: PciBus, driver: PciDriver) => Node> = {
  bind: (bus, driver) => ({ kind: 'attribute', store: (text) => bus.bind(driver, text.trim()) }),
  new_id: newId,
  remove_id: removeId,
  unbind: (bus, driver) => ({
    kind: 'attribute',
    store: (text) => {
      const device = bus.devices.get(text.trim());
      return device?.driver === driver ? unbind(bus, text.trim()) : -ERRNO.ENODEV;
    },
  }),
};

function* unbind(bus: PciBus, name: string): Task<number> {
  yield* bus.unbind(bus.devices.get(name)!);
  return 0;
}

function driverDirectory(bus: PciBus, driver: PciDriver): Directory {
  const bound = (): string[] => [...bus.devices.values()].filter((d) => d.driver === driver).map((d) => d.name);
  return collection(
    () => [...Object.keys(FILES), ...bound()],
    (name) =>
      Object.hasOwn(FILES, name)
        ? FILES[name]!(bus, driver)
        : bound().includes(name)
          ? { kind: 'link', target: devicePath(name) }
          : undefined,
  );
}

/** The directories of all loaded drivers. */
export function pciDrivers(bus: PciBus): Directory {
  return collection(
    () => bus.drivers.keys(),
    (name) => {
      const driver = bus.drivers.get(name);
      return driver && driverDirectory(bus, driver);
    },
  );
}

/** drivers_probe: any driver that matches may take the device; ENODEV only if there is no such device. */
export function driversProbe(bus: PciBus): Node {
  return {
    kind: 'attribute',
    store: (text) => {
      const device = bus.devices.get(text.trim());
      return device === undefined ? -ERRNO.ENODEV : bus.autoprobe(device);
    },
  };
}

/** /sys/bus/pci/rescan (drivers/pci/pci-sysfs.c: rescan_store). */
export function rescan(bus: PciBus): Node {
  return {
    kind: 'attribute',
    store: (text) => {
      const number = parseUnsigned(text);
      if (number === undefined) return -ERRNO.EINVAL;
      return number === 0 ? 0 : found(bus);
    },
  };
}

function* found(bus: PciBus): Task<number> {
  yield* bus.rescan();
  return 0;
}
