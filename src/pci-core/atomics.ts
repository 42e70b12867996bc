/** Which AtomicOps the root complex completes for a device (vfio_pci_core.c: vfio_pci_info_atomic_cap). */
import type { PciDevice } from '../kernel/pci/device.ts';

/**
 * Bits of VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP: 1, 2, 4 for 32, 64 and 128 bits. The ports modelled here do not route
 * atomic requests to a completer, so there are none; a machine that has them changes this function.
 */
export function atomicCompletion(_pdev: PciDevice): number {
  return 0;
}
