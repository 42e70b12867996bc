/** The PCI bus: devices, drivers, and which driver gets which device (drivers/pci/pci-driver.c, drivers/base/dd.c). */
import type { Hardware } from '../../../sim/hardware.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import { bdf } from '../../../sim/pci/place.ts';
import type { Bridge } from '../../../sim/pci/topology.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { FaultInjection } from '../fault-injection.ts';
import type { Result } from '../file.ts';
import { IommuGroup } from '../iommu-group.ts';
import { PciDevice } from './device.ts';
import type { PciDriver, PciId } from './driver.ts';
import { groupAbove, sharedGroup } from './group-of.ts';
import { matches, matchesId } from './match.ts';
import { disableSriov } from './sriov.ts';

/** The devices of one machine by name (`0000:bb:dd.f`), the drivers loaded, and the groups. */
export class PciBus {
  readonly devices = new Map<string, PciDevice>();
  readonly drivers = new Map<string, PciDriver>();
  readonly groups = new Map<number, IommuGroup>();
  /** Fault injection of the kernel. */
  readonly faults: FaultInjection;
  private readonly hardware: Hardware;
  private readonly added = new Map<PciDriver, PciId[]>();
  private readonly bridgeGroups = new Map<Bridge, IommuGroup>();

  /** Enumerates the functions that firmware left; VFs appear later. */
  constructor(hardware: Hardware, faults: FaultInjection = new FaultInjection()) {
    this.hardware = hardware;
    this.faults = faults;
    // The IOMMU driver comes to the devices in the order of their ids, ports among them.
    const bridges = hardware.topology.bridges.map((bridge) => ({ id: bridge.id, bridge }));
    const functions = hardware.functions.map((fn) => ({ id: fn.id, fn }));
    for (const found of [...bridges, ...functions].sort((a, b) => a.id - b.id))
      if ('bridge' in found) this.addBridge(found.bridge);
      else this.add(new PciDevice(hardware, found.fn, undefined, this));
  }

  /** Loads a driver: it is offered every device that has none. */
  *registerDriver(driver: PciDriver): Task<void> {
    this.drivers.set(driver.name, driver);
    for (const device of [...this.devices.values()])
      if (!device.driver && this.fits(driver, device)) yield* probe(driver, device);
  }

  /** Ids that an administrator added to a driver's own (struct pci_dynids). */
  addedIds(driver: PciDriver): readonly PciId[] {
    return this.added.get(driver) ?? [];
  }

  /** How many ids administrators have added, of all drivers. */
  get addedIdCount(): number {
    let count = 0;
    for (const ids of this.added.values()) count += ids.length;
    return count;
  }

  /** pci_add_dynid: the driver is offered every device that has none; 0, or ENOMEM. */
  *addId(driver: PciDriver, id: PciId): Task<number> {
    if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    this.added.set(driver, [...this.addedIds(driver), id]);
    yield* this.registerDriver(driver);
    return 0;
  }

  /** Takes back the first added id that the given one covers; false if there is none. */
  removeId(driver: PciDriver, id: Required<PciId>): boolean {
    const rest = [...this.addedIds(driver)];
    const at = rest.findIndex((other) => matchesId(id, { ...id, ...other }));
    if (at < 0) return false;
    rest.splice(at, 1);
    this.added.set(driver, rest);
    return true;
  }

  /** A VF appeared (pci_iov_add_virtfn). drivers_autoprobe 0 leaves it alone unless an override names a driver. 0, or ENOMEM. */
  *addVirtual(physfn: PciDevice, fn: PciFunction): Task<number> {
    // virtfn_add_bus and pci_alloc_dev; what comes behind them fails no more.
    if (this.faults.allocation.fails() || this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    const device = new PciDevice(this.hardware, fn, physfn, this);
    physfn.virtfns.push(device);
    this.add(device);
    physfn.driver?.virtualAdded?.(physfn, device);
    if (physfn.sriovDriversAutoprobe || device.driverOverride !== undefined) yield* this.autoprobe(device);
    return 0;
  }

  /** Unbinds and forgets a device (pci_stop_and_remove_bus_device). */
  *removeDevice(device: PciDevice): Task<void> {
    yield* this.unbind(device);
    this.devices.delete(device.name);
    const siblings = device.physfn?.virtfns;
    if (siblings) siblings.splice(siblings.indexOf(device), 1);
    const { group } = device;
    group?.remove(device);
    if (group?.devices.length === 0 && group.ports.length === 0) this.groups.delete(group.id);
  }

  /** pci_rescan_bus: functions that are there and were removed are found again, and offered to the drivers. */
  *rescan(): Task<void> {
    for (const fn of this.hardware.functions) {
      if (fn.physical !== undefined || this.devices.has(fn.name)) continue;
      const device = new PciDevice(this.hardware, fn, undefined, this);
      this.add(device);
      yield* this.autoprobe(device);
    }
  }

  /** A write to a driver's `bind` file. ENODEV: no such device, or the driver does not match it; EBUSY: it has a driver. */
  bind(driver: PciDriver, name: string): Result {
    const device = this.devices.get(name);
    if (device === undefined || !this.fits(driver, device)) return -ERRNO.ENODEV;
    if (device.driver !== undefined) return -ERRNO.EBUSY;
    return lockedProbe(driver, device);
  }

  /** Removes the driver, waiting for it to let go (device_release_driver). */
  *unbind(device: PciDevice): Task<void> {
    const driver = device.driver;
    if (driver === undefined) return;
    yield* device.lock.lock();
    if (device.numVfs > 0 && driver.managesDma !== true) yield* disableSriov(device);
    const removal = driver.remove(device);
    if (removal !== undefined) yield* removal;
    device.driver = undefined;
    device.driverData = undefined;
    if (driver.managesDma !== true) device.group?.unuseDefaultDomain();
    device.lock.unlock();
  }

  /** A write to drivers_probe: 0 even if no driver wants the device. */
  *autoprobe(device: PciDevice): Task<number> {
    for (const driver of this.drivers.values()) {
      if (device.driver !== undefined) return 0;
      if (this.fits(driver, device)) yield* probe(driver, device);
    }
    return 0;
  }

  /** Is `device` below a bridge that sits on the bus of that number? */
  isBehindBus(device: PciDevice, number: number): boolean {
    const { topology } = this.hardware;
    for (let bridge = topology.bridgeAbove(device.function); bridge !== undefined; bridge = bridge.parent)
      if (bridge.id >> 8 === number) return true;
    return false;
  }

  private fits(driver: PciDriver, device: PciDevice): boolean {
    return matches(driver, device, this.addedIds(driver));
  }

  private add(device: PciDevice): void {
    this.devices.set(device.name, device);
    if (!this.hardware.fabric.iommu.present) return;
    const { topology } = this.hardware;
    const found = sharedGroup(device, topology, [...this.devices.values()], this.bridgeGroups);
    (found ?? this.newGroup()).add(device);
  }

  /** Ports have groups too: what is below one that does not isolate joins it. */
  private addBridge(bridge: Bridge): void {
    if (!this.hardware.fabric.iommu.present) return;
    const group = groupAbove(bridge.parent, this.bridgeGroups) ?? this.newGroup();
    group.ports.push(bdf(bridge.id));
    this.bridgeGroups.set(bridge, group);
  }

  private newGroup(): IommuGroup {
    let id = 0;
    while (this.groups.has(id)) id++;
    const group = new IommuGroup(id, this.hardware.fabric.iommu);
    this.groups.set(id, group);
    return group;
  }
}

function* lockedProbe(driver: PciDriver, device: PciDevice): Task<number> {
  yield* device.lock.lock();
  const result = yield* probe(driver, device);
  device.lock.unlock();
  return result;
}

/** really_probe: DMA-API drivers need the group's default domain first. */
function* probe(driver: PciDriver, device: PciDevice): Task<number> {
  if (driver.managesDma !== true) {
    const claimed = device.group?.useDefaultDomain() ?? 0;
    if (claimed < 0) return claimed;
  }
  device.driver = driver;
  const call = driver.probe(device);
  const result = typeof call === 'number' ? call : yield* call;
  if (result < 0) {
    device.driver = undefined;
    device.driverData = undefined;
    if (driver.managesDma !== true) device.group?.unuseDefaultDomain();
  }
  return result;
}
