/**
 * What a PCI function's user is to be told of it, written down a second time from the function's registers
 * (include/uapi/linux/vfio.h: struct vfio_irq_info; PCI 6.8.1.3, 6.8.2.3).
 */
import type { PciFunction } from '../../../sim/pci/function.ts';
import { CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import { IRQ_INFO, PCI_IRQ } from '../../uapi/vfio.ts';

const { EVENTFD, MASKABLE, AUTOMASKED, NORESIZE } = IRQ_INFO;

/** An index of interrupts. */
export interface IrqFacts {
  readonly flags: number;
  readonly count: number;
}

/** undefined: an index that PCI functions do not have. */
export function irqFacts(fn: PciFunction, index: number): IrqFacts | undefined {
  const { config } = fn;
  if (index === PCI_IRQ.INTX) {
    // A VF has no line of its own.
    const pin = fn.physical === undefined ? config.read(PCI.INTERRUPT_PIN, 1) : 0;
    return { flags: EVENTFD | MASKABLE | AUTOMASKED, count: pin === 0 ? 0 : 1 };
  }
  if (index === PCI_IRQ.MSI) {
    const at = fn.capability(CAP.MSI);
    const most = at === 0 ? 0 : 1 << ((config.read(at + MSI.FLAGS, 2) & MSI_FLAGS.QMASK) >> 1);
    return { flags: EVENTFD | NORESIZE, count: most };
  }
  if (index === PCI_IRQ.MSIX) {
    const at = fn.capability(CAP.MSIX);
    // The hosts of the lab allocate the messages of MSI-X one by one.
    if (at === 0) return { flags: EVENTFD | NORESIZE, count: 0 };
    return { flags: EVENTFD, count: (config.read(at + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1 };
  }
  return index === PCI_IRQ.ERR || index === PCI_IRQ.REQ ? { flags: EVENTFD | NORESIZE, count: 1 } : undefined;
}
