/** MSI capability (vfio_pci_config.c: vfio_msi_config_write). */
import { MSI, MSI_FLAGS } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import { PCI_IRQ } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { DefaultHandler } from './handler.ts';

export class MsiHandler extends DefaultHandler {
  /**
   * MSI is switched on by SET_IRQS only; then the user may turn the hardware's enable bit off and on again. The number
   * of messages is limited to what was set up.
   */
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    const result = this.store(core, position, count, value);
    if (offset > MSI.FLAGS || offset + count < MSI.FLAGS) return result;
    const at = position - offset + MSI.FLAGS;
    const flags = this.limit(core, core.shadow.get(at, 2));
    core.shadow.set(at, 2, flags);
    core.pdev.writeConfig(at, 2, flags);
    return result;
  }

  /** What of the user's flags may take effect. */
  limit(core: VfioPciCoreDevice, flags: number): number {
    let allowed = flags;
    if (core.irqs.type !== PCI_IRQ.MSI) allowed &= ~MSI_FLAGS.ENABLE;
    if ((allowed & MSI_FLAGS.QSIZE) >> 4 > core.msiQmax) allowed = (allowed & ~MSI_FLAGS.QSIZE) | (core.msiQmax << 4);
    return allowed;
  }
}

export const msi = new MsiHandler();
