/** Power states of a function (drivers/pci/pci.c: pci_set_power_state; pci-driver.c: runtime PM), Linux 7.3. */
import { CAP, PM, PM_CAP, PM_CTRL } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciDevice } from './device.ts';
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
  return 0;
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
