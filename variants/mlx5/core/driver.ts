/** The PF's PCI driver (drivers/net/ethernet/mellanox/mlx5/core/main.c, sriov.c). */
import type { PciDevice } from '../../../src/kernel/pci/device.ts';
import type { PciDriver } from '../../../src/kernel/pci/driver.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import type { SriovControl } from '../../../src/variant/variant.ts';
import { Mlx5Core } from './core.ts';

/** ConnectX-6 Dx; the table of the kernel is longer, the cards differ in nothing that is modelled. */
export const PF_IDS = [{ vendor: 0x15b3, device: 0x101d }];

/** mlx5_core of one machine. */
export function mlx5CoreDriver(sriov: SriovControl): PciDriver {
  return {
    name: 'mlx5_core',
    ids: PF_IDS,
    *probe(device) {
      const core = new Mlx5Core(device);
      const result = yield* core.load();
      if (result === 0) device.driverData = core;
      return result;
    },
    remove(device) {
      coreOf(device).unload();
    },
    *sriovConfigure(device, numVfs): Task<number> {
      if (numVfs > 0) {
        const result = yield* sriov.enable(device, numVfs);
        return result < 0 ? result : numVfs;
      }
      yield* sriov.disable(device);
      return 0;
    },
  };
}

/** The driver's data on a PF it is bound to. */
export function coreOf(device: PciDevice): Mlx5Core {
  return device.driverData as Mlx5Core;
}
