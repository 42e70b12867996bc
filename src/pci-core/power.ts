/** Power states and runtime power management of one device (vfio_pci_core.c: vfio_pci_set_power_state, *_pm_*). */
import { CAP, PM, PM_CTRL } from '../../sim/pci/registers.ts';
import type { EventFd } from '../kernel/eventfd.ts';
import type { Result } from '../kernel/file.ts';
import { D0, D3HOT, runtimeResume, runtimeSuspend, setPowerState } from '../kernel/pci/power.ts';
import { restoreState, type SavedState, saveState } from '../kernel/pci/saved-state.ts';
import { ERRNO } from '../uapi/errno.ts';
import { afterwards } from './afterwards.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** Runtime power management of one device: who keeps it awake. */
export class Power {
  /** pm_runtime_engaged: the user asked for low power. */
  engaged = false;
  /** needs_pm_restore: D3hot to D0 loses the function's registers. */
  needsRestore = false;
  /** pm_wake_eventfd. */
  private wake: EventFd | undefined;
  /** pm_save: what a user's D3hot would lose. */
  private pmSave: SavedState | undefined;
  /** Runtime usage count; the PCI core holds one from bind on. */
  private users = 1;
  private suspended = false;
  private suspendState: SavedState | undefined;
  private intxMasked = false;
  private readonly core: VfioPciCoreDevice;

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
  }

  /** The usage count. */
  get userCount(): number {
    return this.users;
  }

  get isSuspended(): boolean {
    return this.suspended;
  }

  /** vfio_pci_probe_power_state. */
  probe(): void {
    const { pdev } = this.core;
    const at = pdev.capability(CAP.PM);
    this.needsRestore = at !== 0 && (pdev.readConfig(at + PM.CTRL, 2) & PM_CTRL.NO_SOFT_RESET) === 0;
  }

  /** vfio_pci_set_power_state: 0 or a negated errno. A PF stays awake while it has VFs. */
  setState(state: number): number {
    const { pdev } = this.core;
    if (state > D0 && (this.core.sriovListed || pdev.numVfs > 0)) return -ERRNO.EBUSY;
    const before = pdev.function.powerState;
    const saved = this.needsRestore && before < D3HOT && state >= D3HOT ? saveState(pdev) : undefined;
    const result = setPowerState(pdev, state);
    if (result < 0) return result;
    if (saved !== undefined && pdev.function.powerState >= D3HOT) this.pmSave = saved;
    else if (this.needsRestore && before >= D3HOT && state <= D0 && this.pmSave !== undefined) {
      restoreState(pdev, this.pmSave);
      this.pmSave = undefined;
    }
    return 0;
  }

  /** vfio_lock_and_set_power_state: a write to PMCSR. Going to D3hot takes device memory away first. */
  lockAndSetState(state: number): void {
    if (state >= D3HOT) this.core.zapAndRevoke();
    this.setState(state);
    this.core.unrevoke();
  }

  /** pm_runtime_resume_and_get. */
  get(): number {
    this.users++;
    this.resume();
    return 0;
  }

  /** pm_runtime_put: the last user gone, the device sleeps. */
  put(): void {
    if (--this.users === 0) this.suspend();
  }

  /** vfio_pci_runtime_pm_entry. The mappings go even if low power was entered before. */
  entry(wake: EventFd | undefined): number {
    this.core.zapAndRevoke();
    if (this.engaged) return -ERRNO.EINVAL;
    this.engaged = true;
    this.wake = wake;
    this.users--;
    return 0;
  }

  /** vfio_pci_runtime_pm_exit. */
  exit(): void {
    this.leave();
    this.core.unrevoke();
  }

  /** pm_runtime_resume. */
  resume(): void {
    if (!this.suspended) return;
    this.suspended = false;
    if (this.suspendState !== undefined) runtimeResume(this.core.pdev, this.suspendState);
    this.suspendState = undefined;
    // vfio_pci_core_runtime_resume: whoever woke the device, the user is told once, and low power is over.
    if (this.wake !== undefined) {
      this.wake.signal();
      this.leave();
    }
    if (this.intxMasked) this.core.irqs.intx.unmask();
    this.intxMasked = false;
  }

  private leave(): void {
    if (!this.engaged) return;
    this.engaged = false;
    this.users++;
    this.wake = undefined;
  }

  private suspend(): void {
    const { core } = this;
    this.suspended = true;
    if (core.isOpen) {
      // vfio_pci_core_runtime_suspend: what the user did to the power state is undone first.
      this.setState(D0);
      this.intxMasked = core.irqs.intx.isActive && core.irqs.intx.mask();
    }
    if (core.pdev.capability(CAP.PM) !== 0) this.suspendState = runtimeSuspend(core.pdev);
  }
}

/** Runs a call on a device that may be asleep: awake while it runs. read and write take this reference themselves. */
export function awake(core: VfioPciCoreDevice, call: () => Result): Result {
  core.power.get();
  const result = call();
  return afterwards(result, () => core.power.put());
}
