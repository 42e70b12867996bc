/** Resets and saved state of a function (drivers/pci/pci.c of Linux 7.3). */
import type { Task } from '../../../sim/scheduler.ts';
import type { PciDevice } from './device.ts';

/** What pci_save_state keeps. Opaque to callers. */
export interface SavedState {
  readonly header: Uint8Array;
  readonly registers: readonly (readonly [offset: number, width: number, value: number])[];
}

/** pci_save_state: the header, and the control registers of capabilities the kernel restores. */
export declare function saveState(device: PciDevice): SavedState;
/** pci_restore_state. */
export declare function restoreState(device: PciDevice, state: SavedState): void;
/** pci_probe_reset_function: 0 if some method works, else -ENOTTY. */
export declare function probeReset(device: PciDevice): number;
/** pci_try_reset_function: save, COMMAND := INTX_DISABLE, reset, restore. EAGAIN when the device lock is taken. */
export declare function tryResetFunction(device: PciDevice): Task<number>;
/** __pci_reset_function_locked: the bare reset, no save and restore around it; the caller holds the device lock. */
export declare function resetFunctionLocked(device: PciDevice): Task<number>;
