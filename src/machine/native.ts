/** Host drivers that only matter for being there: they own their device's DMA and hand out VFs. */

import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { PciDriver } from '../kernel/pci/driver.ts';
import { disableSriov, enableSriov } from '../kernel/pci/sriov.ts';
import type { Task } from '../kernel/sleep.ts';

function native(name: string, vendor: number, device: number): PciDriver {
  return {
    name,
    ids: [{ vendor, device }],
    probe: (pdev) => {
      pdev.writeConfig(PCI.COMMAND, 2, pdev.readConfig(PCI.COMMAND, 2) | COMMAND.MASTER);
      return 0;
    },
    remove: (pdev) => {
      pdev.writeConfig(PCI.COMMAND, 2, pdev.readConfig(PCI.COMMAND, 2) & ~COMMAND.MASTER);
    },
    sriovConfigure: configure,
  };
}

function* configure(pdev: PciDevice, numVfs: number): Task<number> {
  if (numVfs === 0) {
    yield* disableSriov(pdev);
    return 0;
  }
  const result = yield* enableSriov(pdev, numVfs);
  return result < 0 ? result : numVfs;
}

/** Drivers of the devices on the recorded machine, by name. */
export const NATIVE_DRIVERS: readonly PciDriver[] = [
  native('igb', 0x8086, 0x10c9),
  native('nvme', 0x1b36, 0x0010),
  native('e1000e', 0x8086, 0x10d3),
  native('e1000', 0x8086, 0x100e),
  native('virtio-pci', 0x1af4, 0x1005),
];
