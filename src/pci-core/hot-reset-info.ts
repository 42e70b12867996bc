/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO (vfio_pci_core.c: vfio_pci_ioctl_get_pci_hot_reset_info). */
import { viewOf } from '../kernel/bytes.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { DEVID, HOT_RESET_FLAG, pci_dependent_device, pci_hot_reset_info } from '../uapi/vfio.ts';
import { affectedDevices, busReset } from './bus-reset.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** Whether this device was opened through its character device. */
export function isCdev(core: VfioPciCoreDevice): boolean {
  return core.vdev !== undefined && (core.registry?.cdevOpened?.(core.vdev) ?? false);
}

export function vfio_pci_ioctl_get_pci_hot_reset_info(
  core: VfioPciCoreDevice,
  caller: Process,
  argument: number,
): number {
  const bytes = caller.copyFromUser(argument, pci_hot_reset_info.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { at, size } = pci_hot_reset_info;
  const argsz = view.getUint32(at.argsz, true);
  if (argsz < size) return -ERRNO.EINVAL;
  if ((core.busReset ?? busReset).probe(core.pdev) < 0) return -ERRNO.ENODEV;
  const devices = affectedDevices(core.pdev);
  view.setUint32(at.flags, 0, true);
  const count = hotResetRules.count(devices);
  view.setUint32(at.count, count, true);
  if (count > Math.floor((argsz - size) / pci_dependent_device.size))
    return caller.copyToUser(argument, bytes) ? -ERRNO.ENOSPC : -ERRNO.EFAULT;
  if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const filled = fill(core, devices);
  if (typeof filled === 'number') return filled;
  view.setUint32(at.flags, filled.flags, true);
  if (!caller.copyToUser(argument + size, filled.bytes)) return -ERRNO.EFAULT;
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}

/** What a hot reset goes by, replaceable one by one. */
export const hotResetRules = {
  /** How many devices the user is told of. */
  count: (devices: readonly PciDevice[]): number => devices.length,

  /** Whether the caller may have a member of the set reset: it must have shown that this is its own. */
  permitted: (member: VfioPciCoreDevice, owned: (member: VfioPciCoreDevice) => boolean): boolean => owned(member),
};

function fill(core: VfioPciCoreDevice, devices: readonly PciDevice[]): { flags: number; bytes: Uint8Array } | number {
  const { size, at } = pci_dependent_device;
  const bytes = new Uint8Array(devices.length * size);
  const view = viewOf(bytes);
  const cdev = isCdev(core);
  let flags = cdev ? HOT_RESET_FLAG.DEV_ID | HOT_RESET_FLAG.DEV_ID_OWNED : 0;
  for (const [i, device] of devices.entries()) {
    const entry = i * size;
    let id = device.group?.id;
    if (cdev) {
      id = ownerId(core, device);
      if (id === DEVID.NOT_OWNED) flags &= ~HOT_RESET_FLAG.DEV_ID_OWNED;
    }
    if (id === undefined) return -ERRNO.EPERM;
    view.setInt32(entry + at.group_id, id, true);
    view.setUint16(entry + at.segment, 0, true);
    view.setUint8(entry + at.bus, device.function.id >> 8);
    view.setUint8(entry + at.devfn, device.function.id & 0xff);
  }
  return { flags, bytes };
}

/** The id of an affected device in the caller's iommufd. Outside the device set nothing is owned. */
export function ownerId(core: VfioPciCoreDevice, device: PciDevice): number {
  if (core.devSet?.find(device) === undefined) return DEVID.NOT_OWNED;
  return core.registry?.deviceId?.(core.vdev!, device) ?? DEVID.NOT_OWNED;
}
