/** Enabling and disabling virtual functions (drivers/pci/iov.c of Linux 7.3). */
import { EXT_CAP, SRIOV, SRIOV_CTRL } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciDevice } from './device.ts';

/** pci_enable_sriov: creates `numVfs` VFs and announces them to the bus. 0, or a negated errno. */
export function* enableSriov(device: PciDevice, numVfs: number): Task<number> {
  const at = device.extendedCapability(EXT_CAP.SRIOV);
  if (at === 0) return -ERRNO.ENODEV;
  if (numVfs === 0) return 0;
  if (device.numVfs > 0) return -ERRNO.EINVAL;
  const initial = device.readConfig(at + SRIOV.INITIAL_VF, 2);
  if (numVfs < 0 || numVfs > device.totalVfs || numVfs > initial) return -ERRNO.EINVAL;
  device.writeConfig(at + SRIOV.NUM_VF, 2, numVfs);
  const control = device.readConfig(at + SRIOV.CTRL, 2);
  device.writeConfig(at + SRIOV.CTRL, 2, control | SRIOV_CTRL.VFE | SRIOV_CTRL.MSE);
  yield 100_000_000;
  device.numVfs = numVfs;
  for (const fn of device.function.virtuals) yield* device.bus.addVirtual(device, fn);
  return 0;
}

/** pci_disable_sriov: the VFs are removed, which waits for their users, and then switched off. */
export function* disableSriov(device: PciDevice): Task<void> {
  const at = device.extendedCapability(EXT_CAP.SRIOV);
  if (at === 0 || device.numVfs === 0) return;
  for (const vf of [...device.virtfns].reverse()) yield* device.bus.removeDevice(vf);
  const control = device.readConfig(at + SRIOV.CTRL, 2);
  device.writeConfig(at + SRIOV.CTRL, 2, control & ~(SRIOV_CTRL.VFE | SRIOV_CTRL.MSE));
  device.writeConfig(at + SRIOV.NUM_VF, 2, 0);
  device.numVfs = 0;
}

/** pci_restore_iov_state: a reset of the PF lost VF Enable; the kernel turns its VFs on again. */
export function restoreSriov(device: PciDevice): void {
  const at = device.extendedCapability(EXT_CAP.SRIOV);
  if (at === 0 || device.numVfs === 0) return;
  const control = device.readConfig(at + SRIOV.CTRL, 2);
  if (control & SRIOV_CTRL.VFE) return;
  device.writeConfig(at + SRIOV.NUM_VF, 2, device.numVfs);
  device.writeConfig(at + SRIOV.CTRL, 2, control | SRIOV_CTRL.VFE | SRIOV_CTRL.MSE);
}

/** A write to sriov_numvfs (sriov_numvfs_store): 0 or a negated errno. */
export function* setNumVfs(device: PciDevice, numVfs: number): Task<number> {
  if (numVfs > device.totalVfs) return -ERRNO.ERANGE;
  yield* device.lock.lock();
  const result = yield* configure(device, numVfs);
  device.lock.unlock();
  return result;
}

function* configure(device: PciDevice, numVfs: number): Task<number> {
  if (numVfs === device.numVfs) return 0;
  const driver = device.driver;
  if (driver?.sriovConfigure === undefined) return -ERRNO.ENOENT;
  if (numVfs > 0 && device.numVfs > 0) return -ERRNO.EBUSY;
  const call = driver.sriovConfigure(device, numVfs);
  const result = typeof call === 'number' ? call : yield* call;
  return result < 0 ? result : 0;
}
