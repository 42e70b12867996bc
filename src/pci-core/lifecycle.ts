/** The first open and the last close (vfio_pci_core.c: vfio_pci_core_enable, _finish_enable, _disable, _close_device). */
import { CAP, COMMAND, MSIX, MSIX_ENTRY, MSIX_FLAGS, PCI } from '../../sim/pci/registers.ts';
import type { Task } from '../../sim/scheduler.ts';
import { D0 } from '../kernel/pci/power.ts';
import { resetFunctionLocked, tryResetFunction } from '../kernel/pci/reset.ts';
import { restoreState, saveState } from '../kernel/pci/saved-state.ts';
import { ERRNO } from '../uapi/errno.ts';
import { ConfigShadow } from './config/shadow.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { pci_clear_master, pci_disable_device, pci_enable_device, pci_intx } from './host-device.ts';
import { tryResetSet } from './hot-reset.ts';
import { hasBrokenIntx } from './nointx.ts';
import { releaseRegions } from './region.ts';
import { isVga } from './vga.ts';

/** No BAR holds an MSI-X table. */
const NO_BAR = 0xff;

/** First half of an open: 0, or a negated errno with everything undone. The function has been reset if it can be. */
export function* vfio_pci_core_enable(core: VfioPciCoreDevice): Task<number> {
  const { pdev } = core;
  if (!core.disableIdleD3) core.power.get();
  pci_clear_master(pdev);
  pci_enable_device(pdev);
  const reset = yield* tryResetFunction(pdev);
  // Whoever holds the device lock may be about to reset or remove it.
  if (reset === -ERRNO.EAGAIN) {
    pci_disable_device(pdev);
    if (!core.disableIdleD3) core.power.put();
    return reset;
  }
  core.resetWorks = reset === 0;
  core.pciSavedState = saveState(pdev);
  chooseIntx(core);
  if (!allocateConfig(core)) {
    core.pciSavedState = undefined;
    pci_disable_device(pdev);
    if (!core.disableIdleD3) core.power.put();
    return -ERRNO.ENOMEM;
  }
  core.shadow = new ConfigShadow(pdev, core.nointx);
  findMsix(core);
  core.hasVga = !core.disableVga && isVga(pdev);
  core.bars.open();
  return 0;
}

/** vfio_config_init: the map of capabilities, the shadow, and the permissions of MSI, which depend on the device. */
function allocateConfig({ pdev }: VfioPciCoreDevice): boolean {
  const { allocation } = pdev.faults;
  if (allocation.fails() || allocation.fails()) return false;
  return pdev.capability(CAP.MSI) === 0 || !allocation.fails();
}

/** Whether, and how, INTx can be masked in the device. */
function chooseIntx(core: VfioPciCoreDevice): void {
  const { pdev } = core;
  core.nointx = false;
  core.pci23 = false;
  if (core.nointxmask) return;
  if (hasBrokenIntx(pdev)) {
    core.nointx = true;
    pci_intx(pdev, false);
  } else core.pci23 = !pdev.brokenIntxMasking;
  if (core.pci23) pci_intx(pdev, true);
}

function findMsix(core: VfioPciCoreDevice): void {
  const { pdev } = core;
  const at = pdev.capability(CAP.MSIX);
  core.hasDynMsix = at !== 0 && core.platformDynMsix;
  core.msixBar = NO_BAR;
  core.msixOffset = core.msixSize = 0;
  if (at === 0) return;
  const table = pdev.readConfig(at + MSIX.TABLE, 4);
  core.msixBar = table & 7;
  core.msixOffset = (table & ~7) >>> 0;
  core.msixSize = ((pdev.readConfig(at + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1) * MSIX_ENTRY.SIZE;
}

/** Second half of an open, after the driver's own work. */
export function vfio_pci_core_finish_enable(core: VfioPciCoreDevice): void {
  core.bars.probeMmap();
  const token = core.sriovPfCoreDev?.vfToken;
  if (token !== undefined) token.users++;
}

/** Undoes enable: nothing that a user did survives, the function is reset again if it can be. */
export function* vfio_pci_core_disable(core: VfioPciCoreDevice): Task<void> {
  const { pdev } = core;
  core.power.exit();
  core.power.resume();
  core.power.setState(D0);
  pci_clear_master(pdev);
  core.irqs.disable();
  core.ioeventfds.clear();
  core.irqs.virqDisabled = false;
  releaseRegions(core);
  core.bars.close();
  core.mappings.zap();
  core.needsReset = true;
  pdev.writeConfig(PCI.COMMAND, 2, COMMAND.INTX_DISABLE);
  if (core.resetWorks && pdev.lock.tryLock()) {
    if ((yield* resetFunctionLocked(pdev)) === 0) core.needsReset = false;
    pdev.lock.unlock();
  }
  restoreState(pdev, core.pciSavedState!);
  core.pciSavedState = undefined;
  pci_disable_device(pdev);
  yield* tryResetSet(core);
  core.shadow = undefined;
  if (!core.disableIdleD3) core.power.put();
}

/** The last close. */
export function* vfio_pci_core_close_device(core: VfioPciCoreDevice): Task<void> {
  const token = core.sriovPfCoreDev?.vfToken;
  if (token !== undefined) token.users--;
  core.dmaBufs?.cleanup();
  yield* vfio_pci_core_disable(core);
  core.errTrigger = undefined;
  core.reqTrigger = undefined;
}
