/** What an administrator does with PCI functions that tenants get: VFs made and bound to the variant's driver. */
import type { Task } from '../../../sim/scheduler.ts';
import type { PciDevice } from '../../kernel/pci/device.ts';
import type { Machine } from '../../machine/machine.ts';
import { cdevName } from '../../vfio/cdev.ts';
import { NeverUsable } from '../never-usable.ts';
import type { Assigned } from './profile.ts';

/** Makes VFs of a PF, which keeps its driver; the first two of them. */
export function firstVfs(machine: Machine, bdf: string, count: number): readonly [PciDevice, PciDevice] {
  const physical = machine.kernel.bus.devices.get(bdf)!;
  physical.sriovDriversAutoprobe = false;
  machine.kernel.run(asTask(physical.driver!.sriovConfigure!(physical, count)));
  return [physical.virtfns[0]!, physical.virtfns[1]!];
}

/** Binds functions to the driver of that name. */
export function bindTo(machine: Machine, driver: string, devices: readonly PciDevice[]): void {
  for (const device of devices) {
    device.driverOverride = driver;
    machine.kernel.run(machine.kernel.bus.autoprobe(device));
    if (device.driver === undefined) throw new NeverUsable(`${driver} does not take ${device.name}`);
  }
}

/** A bound function as what waits for a tenant. */
export const assigned = (machine: Machine, device: PciDevice): Assigned => ({
  name: device.name,
  group: device.group!.id,
  cdev: cdevName(machine.vfio.deviceNamed(device.name)!),
  fn: device.function,
});

function asTask<T>(call: T | Task<T>): Task<T> {
  return (function* () {
    return typeof call === 'object' && call !== null && 'next' in call ? yield* call as Task<T> : (call as T);
  })();
}
