/** Device sets: devices that can only be reset together (vfio_main.c: vfio_assign_device_set). */
import { Mutex } from '../../sim/mutex.ts';
import type { Scheduler } from '../../sim/scheduler.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { VfioPciCoreDevice } from './core-device.ts';

/** The devices of one bus or slot, under one lock. */
export class DeviceSet {
  /** Held across open and close of a member, and by a reset of them all. */
  readonly lock: Mutex;
  readonly members: VfioPciCoreDevice[] = [];

  constructor(scheduler: Scheduler) {
    this.lock = new Mutex('vfio_dev_set lock', scheduler);
  }

  /** The device of the library that drives `pdev`, if it is in the set. */
  find(pdev: PciDevice): VfioPciCoreDevice | undefined {
    return this.members.find((member) => member.pdev === pdev);
  }

  /** Opens of all members together (vfio_device_set_open_count). */
  get openCount(): number {
    return this.members.filter((member) => member.isOpen).length;
  }
}

/** On the root bus, and for a VF, nothing is shared; else everything on the bus (vfio_pci_core_register_device). */
export function assignDeviceSet(core: VfioPciCoreDevice): DeviceSet {
  const set = sharedSet(core.pdev) ?? new DeviceSet(core.pdev.scheduler);
  set.members.push(core);
  core.devSet = set;
  return set;
}

/** The set of a neighbour that a reset of the bus would take along. */
function sharedSet(pdev: PciDevice): DeviceSet | undefined {
  if (!resetsWithBus(pdev)) return undefined;
  for (const other of pdev.bus.devices.values()) {
    if (busNumber(other) !== busNumber(pdev) || !resetsWithBus(other)) continue;
    const core = other.driverData;
    if (core instanceof VfioPciCoreDevice && core.devSet !== undefined) return core.devSet;
  }
  return undefined;
}

function resetsWithBus(pdev: PciDevice): boolean {
  return busNumber(pdev) !== 0 && !pdev.isVirtfn;
}

function busNumber(pdev: PciDevice): number {
  return pdev.function.id >> 8;
}

export function releaseDeviceSet(core: VfioPciCoreDevice): void {
  core.devSet?.members.splice(core.devSet.members.indexOf(core), 1);
  core.devSet = undefined;
}
