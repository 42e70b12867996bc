/** Enabling and disabling virtual functions (drivers/pci/iov.c of Linux 7.3). */
import type { PciFunction } from '../../../sim/pci/function.ts';
import { EXT_CAP, SRIOV, SRIOV_CAP_VFM, SRIOV_CTRL } from '../../../sim/pci/registers.ts';
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
  const migration = (device.readConfig(at + SRIOV.CAP, 4) & SRIOV_CAP_VFM) !== 0;
  if (initial > device.totalVfs || (!migration && initial !== device.totalVfs)) return -ERRNO.EIO;
  if (numVfs < 0 || numVfs > device.totalVfs || (!migration && numVfs > initial)) return -ERRNO.EINVAL;
  device.writeConfig(at + SRIOV.NUM_VF, 2, numVfs);
  const control = device.readConfig(at + SRIOV.CTRL, 2);
  device.writeConfig(at + SRIOV.CTRL, 2, control | SRIOV_CTRL.VFE | SRIOV_CTRL.MSE);
  yield 100_000_000;
  device.numVfs = numVfs;
  for (const fn of device.function.virtuals) {
    const error = yield* device.bus.addVirtual(device, fn);
    if (error === 0) continue;
    yield* disableSriov(device);
    return error;
  }
  return 0;
}

/** pci_disable_sriov, and what a failing sriov_enable undoes: the VFs are removed, which waits for their users, and then switched off. */
export function* disableSriov(device: PciDevice): Task<void> {
  const at = device.extendedCapability(EXT_CAP.SRIOV);
  if (at === 0 || device.numVfs === 0) return;
  for (const vf of [...device.virtfns].reverse()) yield* device.bus.removeDevice(vf);
  const control = device.readConfig(at + SRIOV.CTRL, 2);
  device.writeConfig(at + SRIOV.CTRL, 2, control & ~(SRIOV_CTRL.VFE | SRIOV_CTRL.MSE));
  yield 1_000_000_000;
  device.writeConfig(at + SRIOV.NUM_VF, 2, 0);
  device.numVfs = 0;
}

/** Registers of the SR-IOV capability as firmware left them: a reset of the PF loses them (struct pci_sriov). */
export interface SriovRegisters {
  readonly control: number;
  readonly pageSize: number;
  readonly bars: readonly number[];
}

/** sriov_init: what there is to restore; undefined for a function without the capability. */
export function readSriov(fn: PciFunction): SriovRegisters | undefined {
  const at = fn.capability(EXT_CAP.SRIOV, true);
  if (at === 0) return undefined;
  const bars = Array.from({ length: 6 }, (_, bar) => fn.config.read(at + SRIOV.BAR + 4 * bar, 4));
  const pageSize = fn.config.read(at + SRIOV.SYS_PGSIZE, 4);
  return { control: fn.config.read(at + SRIOV.CTRL, 2) & SRIOV_CTRL.ARI, pageSize, bars };
}

/** sriov_restore_state: places of the VFs and their number come back, and then VF Enable, if it was set. */
export function restoreSriov(device: PciDevice): void {
  const { sriov } = device;
  if (sriov === undefined) return;
  const at = device.extendedCapability(EXT_CAP.SRIOV);
  if (device.readConfig(at + SRIOV.CTRL, 2) & SRIOV_CTRL.VFE) return;
  sriov.bars.forEach((value, bar) => {
    device.writeConfig(at + SRIOV.BAR + 4 * bar, 4, value);
  });
  device.writeConfig(at + SRIOV.SYS_PGSIZE, 4, sriov.pageSize);
  device.writeConfig(at + SRIOV.NUM_VF, 2, device.numVfs);
  const enable = device.numVfs > 0 ? SRIOV_CTRL.VFE | SRIOV_CTRL.MSE : 0;
  device.writeConfig(at + SRIOV.CTRL, 2, sriov.control | enable);
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
