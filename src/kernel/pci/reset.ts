/** Function resets (drivers/pci/pci.c of Linux 7.3): methods in the kernel's order, and the dance around them. */
import { AF, AF_CAP, CAP, COMMAND, DEVCAP_FLR, DEVCTL, EXP, PCI, PM, PM_CTRL } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciDevice } from './device.ts';
import { D0, D3HOT, setPowerState } from './power.ts';
import { restoreState, saveState } from './saved-state.ts';

const MILLISECOND = 1_000_000;

/** A way to reset one function. */
export interface ResetMethod {
  /** Name in /sys/bus/pci/devices/.../reset_method. */
  readonly name: string;
  applies(device: PciDevice): boolean;
  reset(device: PciDevice): Task<number>;
}

/** pci_reset_fn_methods. device_specific, acpi and cxl_bus have no hardware here. */
export const RESET_METHODS: readonly ResetMethod[] = [
  {
    name: 'flr',
    applies: (device) => {
      const exp = device.capability(CAP.EXP);
      return exp !== 0 && (device.readConfig(exp + EXP.DEVCAP, 4) & DEVCAP_FLR) !== 0;
    },
    *reset(device) {
      const at = device.capability(CAP.EXP) + EXP.DEVCTL;
      device.writeConfig(at, 2, device.readConfig(at, 2) | DEVCTL.BCR_FLR);
      yield 100 * MILLISECOND;
      return 0;
    },
  },
  {
    name: 'af_flr',
    applies: (device) => {
      const af = device.capability(CAP.AF);
      const both = AF_CAP.TP | AF_CAP.FLR;
      return af !== 0 && (device.readConfig(af + AF.CAP, 1) & both) === both;
    },
    *reset(device) {
      device.writeConfig(device.capability(CAP.AF) + AF.CTRL, 1, 1);
      yield 100 * MILLISECOND;
      return 0;
    },
  },
  {
    name: 'pm',
    applies: (device) => {
      const pm = device.capability(CAP.PM);
      return pm !== 0 && (device.readConfig(pm + PM.CTRL, 2) & PM_CTRL.NO_SOFT_RESET) === 0;
    },
    *reset(device) {
      const at = device.capability(CAP.PM) + PM.CTRL;
      const control = device.readConfig(at, 2);
      if ((control & PM_CTRL.STATE_MASK) !== D0) return -ERRNO.EINVAL;
      device.writeConfig(at, 2, control | D3HOT);
      yield 10 * MILLISECOND;
      device.writeConfig(at, 2, control);
      yield 10 * MILLISECOND;
      return 0;
    },
  },
  {
    name: 'bus',
    applies: (device) => device.soleOnBus && !device.noBusReset,
    *reset(device) {
      device.function.reset('bus');
      yield 100 * MILLISECOND;
      return device.losesLink ? -ERRNO.ENOTTY : 0;
    },
  },
];

/** The methods that work for this device, in the kernel's order. */
export function applicableMethods(device: PciDevice): ResetMethod[] {
  return RESET_METHODS.filter((method) => method.applies(device));
}

/** The methods in use, first choice first: an administrator may have chosen among those that work. */
export function resetMethods(device: PciDevice): ResetMethod[] {
  const works = applicableMethods(device);
  const { resetOrder } = device;
  if (resetOrder === undefined) return works;
  return resetOrder
    .map((name) => works.find((method) => method.name === name))
    .filter((method) => method !== undefined);
}

/** pci_probe_reset_function: 0 if some method is there, else ENOTTY. */
export function probeReset(device: PciDevice): number {
  return resetMethods(device).length > 0 ? 0 : -ERRNO.ENOTTY;
}

/** __pci_reset_function_locked: the bare reset. ENOTTY from a method tries the next; other errors end it. */
export function* resetFunctionLocked(device: PciDevice): Task<number> {
  for (const method of resetMethods(device)) {
    const result = yield* method.reset(device);
    if (result !== -ERRNO.ENOTTY) return result;
  }
  return -ERRNO.ENOTTY;
}

/** pci_dev_save_and_disable, a reset, pci_dev_restore. The caller holds the device lock. */
export function* resetAround(device: PciDevice, reset: () => Task<number>): Task<number> {
  device.driver?.resetPrepare?.(device);
  setPowerState(device, D0);
  const state = saveState(device);
  // INTX_DISABLE only: no decoding, no mastering while the reset is under way.
  device.writeConfig(PCI.COMMAND, 2, COMMAND.INTX_DISABLE);
  device.resetting = true;
  const result = yield* reset();
  device.resetting = false;
  restoreState(device, state);
  const done = device.driver?.resetDone?.(device);
  if (done !== undefined) yield* done;
  return result;
}

/** pci_try_reset_function: ENOTTY without a method, EAGAIN when the device lock is taken; else save, reset, restore. */
export function* tryResetFunction(device: PciDevice): Task<number> {
  if (probeReset(device) < 0) return -ERRNO.ENOTTY;
  if (!device.lock.tryLock()) return -ERRNO.EAGAIN;
  const result = yield* resetAround(device, () => resetFunctionLocked(device));
  device.lock.unlock();
  return result;
}
