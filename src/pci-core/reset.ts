/** Resets of one function on a user's behalf (VFIO_DEVICE_RESET; FLR by a configuration write). */
import type { Task } from '../../sim/scheduler.ts';
import { D0 } from '../kernel/pci/power.ts';
import { tryResetFunction } from '../kernel/pci/reset.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** Takes device memory from everybody, and keeps it until the reset is over. */
function* underLock(core: VfioPciCoreDevice, reset: () => Task<number>): Task<number> {
  yield* core.memoryLock.lock();
  core.zapAndRevoke();
  const result = yield* reset();
  core.unrevoke();
  core.memoryLock.unlock();
  return result;
}

/** The FLR bit of a capability was written: any reset method will do. */
export function resetByUser(core: VfioPciCoreDevice): Task<number> {
  return underLock(core, () => tryResetFunction(core.pdev));
}

/**
 * VFIO_DEVICE_RESET (vfio_pci_ioctl_reset): 0, EINVAL without a working method, EAGAIN while the device lock is taken.
 * The shadow, interrupts and eventfds stay as they are.
 */
export function vfio_pci_ioctl_reset(core: VfioPciCoreDevice): number | Task<number> {
  if (!core.resetWorks) return -ERRNO.EINVAL;
  return underLock(core, () => {
    // In D3hot some methods do not work, and the reset would lose what the user saved by going there.
    core.power.setState(D0);
    return tryResetFunction(core.pdev);
  });
}
