/** Power management capability (vfio_pci_config.c: vfio_pm_config_write). */
import { PM, PM_CTRL } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { DefaultHandler } from './handler.ts';

export class PmHandler extends DefaultHandler {
  /** The state field goes through the kernel's power management. Its errors are swallowed, as hardware would. */
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    const result = this.store(core, position, count, value);
    if (offset === PM.CTRL) core.power.lockAndSetState(value & PM_CTRL.STATE_MASK);
    return result;
  }
}

export const pm = new PmHandler();
