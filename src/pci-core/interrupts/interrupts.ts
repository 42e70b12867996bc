/** Interrupts of one device: which index is active, and what stands behind each (vfio_pci_intrs.c). */
import { CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import { PCI_IRQ } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { Intx } from './intx.ts';
import { Messages } from './messages.ts';

/** The interrupts of one device: one index at a time is in use. */
export class Interrupts {
  /** irq_type: INTX, MSI or MSIX while active, else PCI_IRQ.NUM. They exclude each other. */
  type: number = PCI_IRQ.NUM;
  /** The user set INTX_DISABLE. */
  virqDisabled = false;
  readonly intx: Intx;
  readonly messages: Messages;
  private readonly core: VfioPciCoreDevice;

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
    this.intx = new Intx(core);
    this.messages = new Messages(core);
  }

  /** Eventfds behind the lines and messages of the device. */
  get eventfds(): number {
    return this.intx.eventfds + this.messages.armed;
  }

  get isNone(): boolean {
    return this.type === PCI_IRQ.NUM;
  }

  /** vfio_pci_get_irq_count: how many interrupts an index has. Of any function there is one ERR and one REQ. */
  count(index: number): number {
    const { pdev, shadow } = this.core;
    switch (index) {
      case PCI_IRQ.INTX:
        return shadow.vconfig[PCI.INTERRUPT_PIN] === 0 ? 0 : 1;
      case PCI_IRQ.MSI: {
        const at = pdev.capability(CAP.MSI);
        return at === 0 ? 0 : 1 << ((pdev.readConfig(at + MSI.FLAGS, 2) & MSI_FLAGS.QMASK) >> 1);
      }
      case PCI_IRQ.MSIX: {
        const at = pdev.capability(CAP.MSIX);
        return at === 0 ? 0 : (pdev.readConfig(at + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1;
      }
      case PCI_IRQ.ERR:
      case PCI_IRQ.REQ:
        return 1;
      default:
        return 0;
    }
  }

  /** At close: what SET_IRQS with no data and count 0 would do to the active index. */
  disable(): void {
    if (this.type === PCI_IRQ.INTX) this.intx.disable();
    else if (!this.isNone) this.messages.disable();
  }
}
