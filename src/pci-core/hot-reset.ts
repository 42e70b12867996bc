/** VFIO_DEVICE_PCI_HOT_RESET (vfio_pci_core.c: vfio_pci_ioctl_pci_hot_reset, vfio_pci_dev_set_hot_reset). */
import type { Task } from '../../sim/scheduler.ts';
import type { Result } from '../kernel/file.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import { D0 } from '../kernel/pci/power.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { pci_hot_reset } from '../uapi/vfio.ts';
import { affectedDevices, busReset } from './bus-reset.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import type { DeviceSet } from './device-set.ts';
import { hotResetRules, isCdev, ownerId } from './hot-reset-info.ts';

export function vfio_pci_ioctl_pci_hot_reset(core: VfioPciCoreDevice, caller: Process, argument: number): Result {
  const bytes = caller.copyFromUser(argument, pci_hot_reset.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { at, size } = pci_hot_reset;
  if (view.getUint32(at.argsz, true) < size || view.getUint32(at.flags, true) !== 0) return -ERRNO.EINVAL;
  const count = view.getUint32(at.count, true);
  // A group's user proves ownership by file descriptors, a character device's by its iommufd.
  const cdev = isCdev(core);
  if ((count !== 0) === cdev) return -ERRNO.EINVAL;
  if ((core.busReset ?? busReset).probe(core.pdev) < 0) return -ERRNO.ENODEV;
  if (cdev) return resetOwned(core, (member) => ownerId(core, member.pdev) >= 0);
  const groups = readGroups(core, caller, argument + size, count);
  return typeof groups === 'number' ? groups : resetOwned(core, ({ pdev }) => groups.has(pdev.group!));
}

/** The groups whose descriptors the caller shows. */
function readGroups(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
): Set<IommuGroup> | number {
  if (count > affectedDevices(core.pdev).length) return -ERRNO.EINVAL;
  // One array of numbers, and one of files.
  const { allocation } = caller.faults;
  if (allocation.fails() || allocation.fails()) return -ERRNO.ENOMEM;
  const bytes = caller.copyFromUser(address, 4 * count);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const groups = new Set<IommuGroup>();
  for (let i = 0; i < count; i++) {
    const file = caller.file(view.getInt32(4 * i, true))?.file;
    if (file === undefined) return -ERRNO.EBADF;
    const group = core.registry?.groupOfFile?.(file);
    if (group === undefined) return -ERRNO.EINVAL;
    groups.add(group);
  }
  return groups;
}

/** Every affected device must be in the set and the caller's; each one's memory is taken away for the reset. */
export function* resetOwned(core: VfioPciCoreDevice, owned: (member: VfioPciCoreDevice) => boolean): Task<number> {
  const set = core.devSet;
  if (set === undefined) return -ERRNO.EINVAL;
  yield* set.lock.lock();
  const result = yield* resetSet(core, set, owned);
  set.lock.unlock();
  return result;
}

/** Under the set's lock. */
function* resetSet(
  core: VfioPciCoreDevice,
  set: DeviceSet,
  owned: (member: VfioPciCoreDevice) => boolean,
): Task<number> {
  if (affectedDevices(core.pdev).some((device) => set.find(device) === undefined)) return -ERRNO.EINVAL;
  const members = [...set.members];
  for (const member of members) member.power.get();
  const locked: VfioPciCoreDevice[] = [];
  let result = 0;
  for (const member of members) {
    if (!hotResetRules.permitted(member, owned)) result = -ERRNO.EINVAL;
    else if (!member.memoryLock.tryLock()) result = -ERRNO.EBUSY;
    if (result < 0) break;
    locked.push(member);
    member.zapAndRevoke();
  }
  if (result === 0) {
    for (const member of members) member.power.setState(D0);
    result = yield* (core.busReset ?? busReset).reset(core.pdev);
  }
  for (const member of locked) {
    if (member.isOpen) member.unrevoke();
    member.memoryLock.unlock();
  }
  for (const member of members) member.power.put();
  return result;
}

/** vfio_pci_dev_set_try_reset: at the last close, for devices that cannot be reset alone. */
export function* tryResetSet(core: VfioPciCoreDevice): Task<void> {
  const set = core.devSet;
  if (set === undefined || set.openCount > 1) return;
  if (!set.members.some((member) => member.needsReset)) return;
  if ((core.busReset ?? busReset).probe(core.pdev) < 0) return;
  if (affectedDevices(core.pdev).some((device) => set.find(device) === undefined)) return;
  for (const member of set.members) member.power.get();
  const result = yield* (core.busReset ?? busReset).reset(core.pdev);
  for (const member of set.members) {
    if (result === 0) member.needsReset = false;
    member.power.put();
  }
}
