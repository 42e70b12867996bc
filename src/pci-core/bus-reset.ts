/** Resetting everything on a bus at once (drivers/pci/pci.c: pci_probe_reset_bus, pci_reset_bus). */
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { D0, setPowerState } from '../kernel/pci/power.ts';
import { restoreState, saveState } from '../kernel/pci/saved-state.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { BusReset } from './registry.ts';

/** Virtual nanoseconds until a link is up again. */
const LINK_UP = 100_000_000;

/** The devices a reset of the bus would touch: on it, and behind the bridges on it (pci_walk_bus). */
export function affectedDevices(pdev: PciDevice): PciDevice[] {
  const number = pdev.function.id >> 8;
  return [...pdev.bus.devices.values()].filter(
    (other) => other.function.id >> 8 === number || pdev.bus.isBehindBus(other, number),
  );
}

/** A secondary bus reset as the library sees it where the kernel below does not provide one. */
export const busReset: BusReset = {
  /** A port must stand above: not the root bus, nor a bus that only VFs are on. All must come back from it. */
  probe(pdev) {
    const affected = affectedDevices(pdev);
    const port = pdev.function.id >> 8 !== 0 && affected.some((other) => !other.isVirtfn);
    return port && !affected.some((other) => other.noBusReset) ? 0 : -ERRNO.ENOTTY;
  },

  *reset(pdev) {
    const devices = affectedDevices(pdev);
    const locked: PciDevice[] = [];
    for (const device of devices) {
      if (!device.lock.tryLock()) {
        for (const other of locked) other.lock.unlock();
        return -ERRNO.EAGAIN;
      }
      locked.push(device);
    }
    yield* around(devices);
    for (const device of locked) device.lock.unlock();
    // pci_bridge_wait_for_secondary_bus: everything has been reset and restored, and still it is an error.
    return pdev.losesLink ? -ERRNO.ENOTTY : 0;
  },
};

/** Saves all, resets all, restores all. */
function* around(devices: readonly PciDevice[]): Task<void> {
  const states = devices.map((device) => {
    device.driver?.resetPrepare?.(device);
    setPowerState(device, D0);
    const state = saveState(device);
    device.writeConfig(PCI.COMMAND, 2, COMMAND.INTX_DISABLE);
    device.resetting = true;
    return state;
  });
  for (const device of devices) device.function.reset('bus');
  yield LINK_UP;
  for (const [i, device] of devices.entries()) {
    device.resetting = false;
    restoreState(device, states[i]!);
    const done = device.driver?.resetDone?.(device);
    if (done !== undefined) yield* done;
  }
}
