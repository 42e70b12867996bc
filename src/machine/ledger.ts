/**
 * What a machine holds, as numbers: files, locked and pinned memory, mappings, references, registrations, objects. A call
 * that fails leaves every one of them as it was, and so does a session that ends. Only counts that come back belong here:
 * no addresses, no times, no contents.
 */
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { Process, User } from '../kernel/process.ts';
import { VfioPciCoreDevice } from '../pci-core/core-device.ts';
import type { VfioDevice } from '../vfio/device.ts';
import type { VfioGroup } from '../vfio/group.ts';
import { FileLedger } from './ledger-files.ts';
import type { Machine } from './machine.ts';

/** Counts by name; every name is there as long as what it counts is. */
export type Ledger = Record<string, number>;

/** Takes the ledger of `machine`: microseconds, and nothing is touched. */
export function ledgerOf(machine: Machine): Ledger {
  const ledger: Ledger = {};
  const { kernel, hardware, vfio } = machine;
  const files = new FileLedger(ledger);
  const users = new Set<User>();
  for (const process of kernel.processes) {
    addProcess(ledger, process, files);
    users.add(process.user);
  }
  let locked = 0;
  for (const user of users) locked += user.lockedPages;
  ledger['users: locked pages'] = locked;
  addMemory(ledger, machine);
  ledger['host: interrupt vectors'] = hardware.fabric.interrupts.allocated;
  ledger['host: threads'] = kernel.scheduler.threads.length;
  ledger['host: PASIDs'] = hardware.fabric.iommu.pasidContexts;
  ledger['host: devices'] = kernel.bus.devices.size;
  ledger['host: added ids'] = kernel.bus.addedIdCount;
  for (const group of kernel.bus.groups.values()) addIommuGroup(ledger, group);
  for (const device of kernel.bus.devices.values()) addPci(ledger, device);
  const groups = new Set<VfioGroup>();
  for (const device of vfio.registered) {
    addVfio(ledger, device, files);
    groups.add(device.group!);
  }
  for (const group of groups) addGroup(ledger, group, files);
  files.finish();
  return ledger;
}

/** The entries in which two ledgers differ, as `name: before -> after`; what is not there counts as 0. */
export function ledgerDifference(before: Ledger, after: Ledger): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => (before[name] ?? 0) !== (after[name] ?? 0))
    .map((name) => `${name}: ${before[name] ?? 0} -> ${after[name] ?? 0}`);
}

function addProcess(ledger: Ledger, process: Process, files: FileLedger): void {
  const { name } = process;
  let count = 0;
  let references = 0;
  for (const fd of process.descriptors) {
    const reference = process.file(fd)!;
    count++;
    references += reference.count;
    files.add(reference.file);
  }
  add(ledger, `${name}: files`, count);
  add(ledger, `${name}: references of files`, references);
  add(ledger, `${name}: numbers without a file`, process.reservedNumbers);
  add(ledger, `${name}: mappings`, process.memory.all.length);
  add(ledger, `${name}: locked pages`, process.lockedPages);
  add(ledger, `${name}: pinned pages`, process.pinnedPages);
}

/** Processes may share a name. */
function add(ledger: Ledger, name: string, count: number): void {
  ledger[name] = (ledger[name] ?? 0) + count;
}

/** Mailboxes stay with the command queue that made them. */
function addMemory(ledger: Ledger, { hardware }: Machine): void {
  let [extents, bytes, kernel, pins, orphans] = [0, 0, 0, 0, 0];
  for (const extent of hardware.memory.extents.items) {
    if (extent.purpose === 'mailbox') continue;
    extents++;
    bytes += extent.length;
    pins += extent.pins;
    if (extent.orphaned) orphans++;
    if (extent.owner.startsWith('kernel:')) kernel += extent.length;
  }
  ledger['memory: extents'] = extents;
  ledger['memory: bytes'] = bytes;
  ledger['memory: bytes of the kernel'] = kernel;
  ledger['memory: pins'] = pins;
  ledger['memory: orphans'] = orphans;
}

function addIommuGroup(ledger: Ledger, group: IommuGroup): void {
  const name = `IOMMU group ${group.id}`;
  ledger[`${name}: owners`] = group.ownerCount;
  ledger[`${name}: owned`] = group.owner === undefined ? 0 : 1;
  // 0: the host's own; 1: blocked; 2: a user's.
  ledger[`${name}: translation`] = group.domain === group.defaultDomain ? 0 : group.domain.kind === 'blocked' ? 1 : 2;
  ledger[`${name}: mappings`] = group.domain === group.defaultDomain ? 0 : group.domain.mappings.size;
}

function addPci(ledger: Ledger, device: PciDevice): void {
  const { name, driverData } = device;
  ledger[`${name}: driver`] = device.driver === undefined ? 0 : 1;
  ledger[`${name}: driver data`] = driverData === undefined ? 0 : 1;
  ledger[`${name}: override`] = device.driverOverride === undefined ? 0 : 1;
  ledger[`${name}: enabled`] = device.enableCount;
  ledger[`${name}: VFs`] = device.virtfns.length;
  ledger[`${name}: messages on`] = device.msixEnabled || device.msi !== undefined ? 1 : 0;
  ledger[`${name}: locked`] = device.lock.locked ? 1 : 0;
  const resources = device.function.model.resources?.();
  for (const what in resources) ledger[`${name}: ${what}`] = resources[what]!;
  if (driverData instanceof VfioPciCoreDevice) addCore(ledger, name, driverData);
}

function addCore(ledger: Ledger, name: string, core: VfioPciCoreDevice): void {
  ledger[`${name}: open`] = core.isOpen ? 1 : 0;
  ledger[`${name}: saved state`] = core.pciSavedState === undefined ? 0 : 1;
  ledger[`${name}: power users`] = core.power.userCount;
  ledger[`${name}: interrupt index`] = core.irqs.type;
  ledger[`${name}: eventfds`] = core.irqs.eventfds + (core.errTrigger ? 1 : 0) + (core.reqTrigger ? 1 : 0);
  ledger[`${name}: ioeventfds`] = core.ioeventfds.size;
  ledger[`${name}: dma-bufs`] = core.dmaBufs?.size ?? 0;
  ledger[`${name}: VFs' users`] = core.vfToken?.users ?? 0;
  ledger[`${name}: device set`] = core.devSet?.members.length ?? 0;
  ledger[`${name}: locks`] = (core.memoryLock.locked ? 1 : 0) + (core.igate.locked ? 1 : 0);
}

function addVfio(ledger: Ledger, device: VfioDevice, files: FileLedger): void {
  const { name } = device;
  ledger[`${name}: openers`] = device.openCount;
  ledger[`${name}: VFIO references`] = device.references;
  ledger[`${name}: bound to an iommufd`] = device.binding === undefined ? 0 : 1;
  ledger[`${name}: cdev open`] = device.cdevOpened ? 1 : 0;
  const resources = device.ops.resources?.(device.data);
  for (const what in resources) ledger[`${name}: ${what}`] = resources[what]!;
  if (device.binding !== undefined) files.addContext(device.binding.context);
}

function addGroup(ledger: Ledger, group: VfioGroup, files: FileLedger): void {
  const { path } = group;
  ledger[`${path}: open`] = group.isOpen ? 1 : 0;
  ledger[`${path}: holders`] = group.isOpen ? group.holderCount : 0;
  ledger[`${path}: devices`] = group.drivers;
  ledger[`${path}: in a container`] = group.container === undefined ? 0 : 1;
  ledger[`${path}: users of the container`] = group.containerUsers;
  ledger[`${path}: cdevs open`] = group.cdevOpens;
  ledger[`${path}: locked`] = group.lock.locked ? 1 : 0;
  if (group.container !== undefined) files.addContainer(group.container);
}
