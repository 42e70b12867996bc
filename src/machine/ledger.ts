/**
 * What a machine holds, as numbers: files, locked and pinned memory, mappings, references, registrations, objects. A call
 * that fails leaves every one of them as it was, and so does a session that ends. Only counts that come back belong here:
 * no addresses, no times, no contents.
 */
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { Process, User } from '../kernel/process.ts';
import { VfioPciCoreDevice } from '../pci-core/core-device.ts';
import { PCI_IRQ } from '../uapi/vfio.ts';
import type { VfioDevice } from '../vfio/device.ts';
import type { VfioGroup } from '../vfio/group.ts';
import { FileLedger } from './ledger-files.ts';
import { type Counts, NOTHING } from './ledger-names.ts';
import type { Machine } from './machine.ts';

/** Counts by name, of the whole machine but for those that begin with the name of a process or a device. */
export type Ledger = Record<string, number>;

/** What is known to be counted on a machine, devices and processes among it: the next ledger starts with these names. */
const known = new WeakMap<Machine, Counts>();

/** Takes the ledger of `machine`: some microseconds, and nothing is touched. */
export function ledgerOf(machine: Machine): Ledger {
  const names = known.get(machine) ?? NOTHING;
  const counts = take(machine, { ...names });
  if (Object.keys(counts).length > Object.keys(names).length)
    known.set(machine, Object.fromEntries(Object.keys(counts).map((name) => [name, 0])) as Counts);
  return counts;
}

function take(machine: Machine, counts: Counts): Ledger {
  const { kernel, hardware, vfio } = machine;
  const files = new FileLedger(counts);
  const users = new Set<User>();
  for (const process of kernel.processes) {
    addProcess(counts, process, files);
    users.add(process.user);
  }
  for (const user of users) counts['users: locked pages'] += user.lockedPages;
  addMemory(counts, machine);
  counts['interrupt vectors'] = hardware.fabric.interrupts.allocated;
  counts.threads = kernel.scheduler.threads.length;
  counts['IOMMU: PASIDs'] = hardware.fabric.iommu.pasidContexts;
  counts['drivers: added ids'] = kernel.bus.addedIdCount;
  for (const group of kernel.bus.groups.values()) addIommuGroup(counts, group);
  for (const device of kernel.bus.devices.values()) addPci(counts, device);
  const groups = new Set<VfioGroup>();
  for (const device of vfio.registered) {
    addVfio(counts, device, files);
    if (groups.has(device.group!)) continue;
    groups.add(device.group!);
    addGroup(counts, device.group!, files);
  }
  return counts;
}

/** The entries in which two ledgers differ, as `name: before -> after`; what is not there counts as 0. */
export function ledgerDifference(before: Ledger, after: Ledger): string[] {
  const changes: string[] = [];
  for (const name in before) {
    const now = after[name] ?? 0;
    if (before[name] !== now) changes.push(`${name}: ${before[name]} -> ${now}`);
  }
  for (const name in after)
    if (before[name] === undefined && after[name] !== 0) changes.push(`${name}: 0 -> ${after[name]}`);
  return changes;
}

/** An entry of a process or a device; several may share a name. */
function add(ledger: Ledger, owner: string, what: string, count: number): void {
  const name = `${owner}: ${what}`;
  ledger[name] = (ledger[name] ?? 0) + count;
}

function addProcess(counts: Counts, process: Process, files: FileLedger): void {
  for (const reference of process.files.slots) {
    if (reference === undefined) continue;
    counts.files++;
    counts['files: references'] += reference.count;
    files.add(reference.file);
  }
  counts['files: numbers without one'] += process.files.reservedCount;
  counts['user mappings'] += process.memory.all.length;
  // Who pays matters, and not only how much is paid.
  if (process.lockedPages !== 0) add(counts, process.name, 'locked pages', process.lockedPages);
  if (process.pinnedPages !== 0) add(counts, process.name, 'pinned pages', process.pinnedPages);
}

/** Mailboxes stay with the command queue that made them. */
function addMemory(counts: Counts, { hardware }: Machine): void {
  for (const extent of hardware.memory.extents.items) {
    if (extent.purpose === 'mailbox') continue;
    counts['memory: extents']++;
    counts['memory: bytes'] += extent.length;
    counts['memory: pins'] += extent.pins;
    if (extent.orphaned) counts['memory: orphans']++;
    if (extent.owner.startsWith('kernel:')) counts['memory: bytes of the kernel'] += extent.length;
  }
}

function addIommuGroup(counts: Counts, group: IommuGroup): void {
  counts['IOMMU: owners of groups'] += group.ownerCount;
  if (group.owner !== undefined) counts['IOMMU: groups owned']++;
  if (group.domain === group.defaultDomain) return;
  counts[group.domain.kind === 'blocked' ? 'IOMMU: groups blocked' : 'IOMMU: groups of users']++;
  counts['IOMMU: mappings of groups'] += group.domain.mappings.size;
}

function addPci(counts: Counts, device: PciDevice): void {
  const { driverData } = device;
  counts.functions++;
  if (device.driver !== undefined) counts['functions: with a driver']++;
  if (driverData !== undefined) counts['functions: with driver data']++;
  if (device.driverOverride !== undefined) counts['functions: with an override']++;
  counts['functions: enabled'] += device.enableCount;
  if (device.msixEnabled || device.msi !== undefined) counts['functions: with messages on']++;
  if (device.lock.locked) counts['locks held']++;
  const resources = device.function.model.resources?.();
  for (const what in resources) add(counts, device.name, what, resources[what]!);
  if (driverData instanceof VfioPciCoreDevice) addCore(counts, driverData);
}

function addCore(counts: Counts, core: VfioPciCoreDevice): void {
  const { irqs, power } = core;
  if (core.isOpen) counts['vfio-pci: open']++;
  if (core.pciSavedState !== undefined) counts['vfio-pci: saved states']++;
  counts['vfio-pci: power users'] += power.userCount;
  if (power.engaged) counts['vfio-pci: in low power']++;
  if (irqs.type !== PCI_IRQ.NUM) counts['vfio-pci: interrupt indices']++;
  const single = (core.errTrigger === undefined ? 0 : 1) + (core.reqTrigger === undefined ? 0 : 1);
  counts['vfio-pci: eventfds'] += irqs.eventfds + single;
  counts['vfio-pci: ioeventfds'] += core.ioeventfds.size;
  counts['vfio-pci: dma-bufs'] += core.dmaBufs?.size ?? 0;
  counts['vfio-pci: users of VFs'] += core.vfToken?.users ?? 0;
  counts['vfio-pci: members of device sets'] += core.devSet?.members.length ?? 0;
  if (core.memoryLock.locked) counts['locks held']++;
  if (core.igate.locked) counts['locks held']++;
}

function addVfio(counts: Counts, device: VfioDevice, files: FileLedger): void {
  counts['vfio: devices']++;
  counts['vfio: openers'] += device.openCount;
  counts['vfio: references'] += device.references;
  if (device.cdevOpened) counts['vfio: cdevs open']++;
  const resources = device.ops.resources?.(device.data);
  for (const what in resources) add(counts, device.name, what, resources[what]!);
  if (device.binding === undefined) return;
  counts['vfio: bound to an iommufd']++;
  files.addContext(device.binding.context);
}

function addGroup(counts: Counts, group: VfioGroup, files: FileLedger): void {
  counts['vfio: groups']++;
  counts['vfio: users of containers'] += group.containerUsers;
  counts['vfio: cdevs that block groups'] += group.cdevOpens;
  if (group.lock.locked) counts['locks held']++;
  if (group.isOpen) {
    counts['vfio: groups open']++;
    counts['vfio: holders of groups'] += group.holderCount;
  }
  if (group.container === undefined) return;
  counts['vfio: groups in a container']++;
  files.addContainer(group.container);
}
