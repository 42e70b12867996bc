/** Power states of a function (drivers/pci/pci.c: pci_set_power_state; pci-driver.c: runtime PM), Linux 7.3. */
import { CAP, PCI, PM, PM_CAP, PM_CTRL } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { barFlags, type PciDevice, ROM_RESOURCE } from './device.ts';
import { restoreState, type SavedState, saveState } from './saved-state.ts';

export const D0 = 0;
export const D3HOT = 3;

/**
 * Moves a function to D0..D3hot. Deeper only, or to D0 (EINVAL otherwise); a state the function lacks is EIO. Coming
 * from D3hot, a function that lost its registers gets its BARs back (pci_restore_bars).
 */
export function setPowerState(device: PciDevice, state: number): number {
  const pm = device.capability(CAP.PM);
  if (pm === 0) return state === D0 ? 0 : -ERRNO.EIO;
  const control = device.readConfig(pm + PM.CTRL, 2);
  const current = control & PM_CTRL.STATE_MASK;
  if (current === state) return 0;
  if (state !== D0 && current > state) return -ERRNO.EINVAL;
  const pmc = device.readConfig(pm + PM.PMC, 2);
  if ((state === 1 && !(pmc & PM_CAP.D1)) || (state === 2 && !(pmc & PM_CAP.D2))) return -ERRNO.EIO;
  // pci_power_up writes the whole word 0; a deeper state leaves the other bits alone (pci_set_low_power_state).
  device.writeConfig(pm + PM.CTRL, 2, state === D0 ? 0 : (control & ~PM_CTRL.STATE_MASK) | state);
  if (state === D0 && current === D3HOT && (control & PM_CTRL.NO_SOFT_RESET) === 0) restoreBars(device);
  return 0;
}

/** pci_restore_bars: a VF has none of its own; a ROM that is not enabled is left alone. */
function restoreBars(device: PciDevice): void {
  if (device.isVirtfn) return;
  for (const [index, resource] of device.resources.entries()) {
    if (index === ROM_RESOURCE || resource.length === 0) continue;
    const at = PCI.BASE_ADDRESS_0 + 4 * index;
    device.writeConfig(at, 4, ((resource.start >>> 0) | barFlags(resource)) >>> 0);
    if (resource.wide) device.writeConfig(at + 4, 4, Math.floor(resource.start / 2 ** 32));
  }
}

/** pci_pm_runtime_suspend: configuration is saved, then D3hot. What it returns is for {@link runtimeResume}. */
export function runtimeSuspend(device: PciDevice): SavedState {
  const state = saveState(device);
  setPowerState(device, D3HOT);
  return state;
}

/** pci_pm_runtime_resume. */
export function runtimeResume(device: PciDevice, state: SavedState): void {
  setPowerState(device, D0);
  restoreState(device, state);
}
