/** The low power features (vfio_pci_core.c: vfio_pci_core_pm_entry, _pm_entry_with_wakeup, _pm_exit). */
import { eventfdOf } from '../kernel/eventfd.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { device_low_power_entry_with_wakeup, FEATURE_FLAG } from '../uapi/vfio.ts';
import { vfio_check_feature } from '../vfio/feature.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

export function lowPowerEntry(
  core: VfioPciCoreDevice,
  _caller: Process,
  flags: number,
  _argument: number,
  argsz: number,
): number {
  const check = vfio_check_feature(flags, argsz, FEATURE_FLAG.SET, 0);
  return check === 1 ? core.power.entry(undefined) : check;
}

/** The reserved word is not looked at. */
export function lowPowerEntryWithWakeup(
  core: VfioPciCoreDevice,
  caller: Process,
  flags: number,
  argument: number,
  argsz: number,
): number {
  const { size, at } = device_low_power_entry_with_wakeup;
  const check = vfio_check_feature(flags, argsz, FEATURE_FLAG.SET, size);
  if (check !== 1) return check;
  const bytes = caller.copyFromUser(argument, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const fd = new DataView(bytes.buffer, bytes.byteOffset).getInt32(at.wakeup_eventfd, true);
  if (fd < 0) return -ERRNO.EINVAL;
  const eventfd = eventfdOf(caller, fd);
  return typeof eventfd === 'number' ? eventfd : core.power.entry(eventfd);
}

/** Also without an entry before: it may have ended by a wake-up that the user has not seen yet. */
export function lowPowerExit(
  core: VfioPciCoreDevice,
  _caller: Process,
  flags: number,
  _argument: number,
  argsz: number,
): number {
  const check = vfio_check_feature(flags, argsz, FEATURE_FLAG.SET, 0);
  if (check !== 1) return check;
  core.power.exit();
  return 0;
}
