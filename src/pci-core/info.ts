/** VFIO_DEVICE_GET_INFO and _GET_IRQ_INFO (vfio_pci_core.c: vfio_pci_ioctl_get_info, _get_irq_info). */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import {
  DEVICE_FLAGS,
  device_info,
  device_info_cap_pci_atomic_comp,
  INFO_CAP,
  IRQ_INFO,
  info_cap_header,
  irq_info,
  PCI_IRQ,
  PCI_REGION,
} from '../uapi/vfio.ts';
import { atomicCompletion } from './atomics.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** Bytes up to num_irqs: what the first version of the struct had. */
const MIN_INFO = device_info.at.cap_offset;

/** Only argsz is the user's; it says how much of the struct is written back. */
export function vfio_pci_ioctl_get_info(core: VfioPciCoreDevice, caller: Process, argument: number): number {
  const user = caller.copyFromUser(argument, MIN_INFO);
  if (user === undefined) return -ERRNO.EFAULT;
  const argsz = viewOf(user).getUint32(0, true);
  if (argsz < MIN_INFO) return -ERRNO.EINVAL;
  const bytes = zeroedBytes(device_info.size);
  const view = viewOf(bytes);
  const { at } = device_info;
  let flags = DEVICE_FLAGS.PCI | (core.resetWorks ? DEVICE_FLAGS.RESET : 0);
  view.setUint32(at.argsz, argsz, true);
  view.setUint32(at.num_regions, PCI_REGION.NUM + core.regions.length, true);
  view.setUint32(at.num_irqs, PCI_IRQ.NUM, true);
  const capability = atomicCapability(core);
  if (capability !== undefined) {
    if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
    flags |= DEVICE_FLAGS.CAPS;
    if (argsz < device_info.size + capability.length)
      view.setUint32(at.argsz, device_info.size + capability.length, true);
    else {
      if (!caller.copyToUser(argument + device_info.size, capability)) return -ERRNO.EFAULT;
      view.setUint32(at.cap_offset, device_info.size, true);
    }
  }
  view.setUint32(at.flags, flags, true);
  const written = bytes.subarray(0, Math.min(argsz, device_info.size));
  return caller.copyToUser(argument, written) ? 0 : -ERRNO.EFAULT;
}

/** The chain with its one possible capability. */
function atomicCapability(core: VfioPciCoreDevice): Uint8Array | undefined {
  const completion = atomicCompletion(core.pdev);
  if (completion === 0) return undefined;
  const { at, size } = device_info_cap_pci_atomic_comp;
  const bytes = zeroedBytes(size);
  const view = viewOf(bytes);
  view.setUint16(at.header + info_cap_header.at.id, INFO_CAP.DEVICE_PCI_ATOMIC_COMP, true);
  view.setUint16(at.header + info_cap_header.at.version, 1, true);
  view.setUint32(at.flags, completion, true);
  return bytes;
}

/** Flags and count of one interrupt index. */
export function vfio_pci_ioctl_get_irq_info(core: VfioPciCoreDevice, caller: Process, argument: number): number {
  const bytes = caller.copyFromUser(argument, irq_info.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const { at } = irq_info;
  const index = view.getUint32(at.index, true);
  if (view.getUint32(at.argsz, true) < irq_info.size || index >= PCI_IRQ.NUM) return -ERRNO.EINVAL;
  view.setUint32(at.flags, irqFlags(core, index), true);
  view.setUint32(at.count, core.irqs.count(index), true);
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}

/** INTx is masked by the kernel on arrival; only MSI-X can grow, where the host can allocate vectors one by one. */
export function irqFlags(core: VfioPciCoreDevice, index: number): number {
  if (index === PCI_IRQ.INTX) return IRQ_INFO.EVENTFD | IRQ_INFO.MASKABLE | IRQ_INFO.AUTOMASKED;
  if (index === PCI_IRQ.MSIX && core.hasDynMsix) return IRQ_INFO.EVENTFD;
  return IRQ_INFO.EVENTFD | IRQ_INFO.NORESIZE;
}
