/** Device sets: devices that can only be reset together (vfio_main.c: vfio_assign_device_set). */
import { Mutex } from '../../sim/mutex.ts';
import type { PciBus } from '../kernel/pci/bus.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** The devices of one bus or slot, under one lock. */
export class DeviceSet {
  /** Held across open and close of a member, and by a reset of them all. */
  readonly lock = new Mutex('vfio device set');
  readonly members: VfioPciCoreDevice[] = [];

  /** The device of the library that drives `pdev`, if it is in the set. */
  find(pdev: PciDevice): VfioPciCoreDevice | undefined {
    return this.members.find((member) => member.pdev === pdev);
  }

  /** Opens of all members together (vfio_device_set_open_count). */
  get openCount(): number {
    return this.members.filter((member) => member.isOpen).length;
  }
}

/** Sets by what they have in common: a bus number, or the device itself. One map a machine. */
const sets = new WeakMap<PciBus, Map<number | PciDevice, DeviceSet>>();

/** On the root bus, and for a VF, nothing is shared; else everything on the bus. */
export function assignDeviceSet(core: VfioPciCoreDevice): DeviceSet {
  const { pdev } = core;
  const byKey = sets.get(pdev.bus) ?? new Map<number | PciDevice, DeviceSet>();
  sets.set(pdev.bus, byKey);
  const number = pdev.function.id >> 8;
  const key = number === 0 || pdev.isVirtfn ? pdev : number;
  const set = byKey.get(key) ?? new DeviceSet();
  byKey.set(key, set);
  set.members.push(core);
  core.devSet = set;
  return set;
}

export function releaseDeviceSet(core: VfioPciCoreDevice): void {
  const { devSet, pdev } = core;
  if (devSet === undefined) return;
  devSet.members.splice(devSet.members.indexOf(core), 1);
  core.devSet = undefined;
  if (devSet.members.length > 0) return;
  const byKey = sets.get(pdev.bus)!;
  for (const [key, set] of byKey) if (set === devSet) byKey.delete(key);
}
