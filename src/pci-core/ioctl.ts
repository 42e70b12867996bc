/** ioctls of the device fd that the PCI core answers (vfio_pci_core.c: vfio_pci_core_ioctl). */
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { VFIO } from '../uapi/vfio.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { vfio_pci_ioctl_pci_hot_reset } from './hot-reset.ts';
import { vfio_pci_ioctl_get_pci_hot_reset_info } from './hot-reset-info.ts';
import { vfio_pci_ioctl_get_info, vfio_pci_ioctl_get_irq_info } from './info.ts';
import { vfio_pci_ioctl_set_irqs } from './interrupts/set-irqs.ts';
import { vfio_pci_ioctl_reset } from './reset.ts';

/** One command: 0 or a count, or a negated errno. */
export type IoctlHandler = (core: VfioPciCoreDevice, caller: Process, argument: number) => Result;

/** What the device fd supports besides what the VFIO core decodes. */
export const PCI_IOCTLS: Record<number, IoctlHandler> = {
  [VFIO.DEVICE_GET_INFO]: vfio_pci_ioctl_get_info,
  [VFIO.DEVICE_GET_IRQ_INFO]: vfio_pci_ioctl_get_irq_info,
  [VFIO.DEVICE_GET_PCI_HOT_RESET_INFO]: vfio_pci_ioctl_get_pci_hot_reset_info,
  [VFIO.DEVICE_IOEVENTFD]: (core, caller, argument) => core.ioeventfds.ioctl(caller, argument),
  [VFIO.DEVICE_PCI_HOT_RESET]: vfio_pci_ioctl_pci_hot_reset,
  [VFIO.DEVICE_RESET]: vfio_pci_ioctl_reset,
  [VFIO.DEVICE_SET_IRQS]: vfio_pci_ioctl_set_irqs,
};

/** A count, 0, or a negated errno; a command without a row is ENOTTY. */
export function vfio_pci_core_ioctl(
  core: VfioPciCoreDevice,
  caller: Process,
  command: number,
  argument: number,
): Result {
  return PCI_IOCTLS[command]?.(core, caller, argument) ?? -ERRNO.ENOTTY;
}
