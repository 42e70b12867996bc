/** Calls that are no ioctl: opening and closing, mappings, data streams, eventfds, sysfs. */
import type { HandleKind } from '../handles.ts';
import { type Rule, rule } from './rule.ts';

const CLOSE_ORDER = 'core-vfio 18 Close ordering';
const STREAM = 'migration-core 6 Data fd rules';

/** open(2), by what is opened. */
export const OPEN_RULES: Partial<Record<HandleKind, Rule>> = {
  container: rule('core-vfio 3 Container fd', 'container.c: vfio_fops_open', 'anybody may open as many as they like'),
  group: rule(
    'core-vfio 2 Group fd',
    'group.c: vfio_group_fops_open',
    'one opener at a time, and none while a device of the group is bound through its cdev (EBUSY)',
  ),
  device: rule(
    'core-vfio 5 cdev',
    'device_cdev.c: vfio_device_fops_cdev_open',
    'any number of opens; nothing works before BIND',
  ),
  iommufd: rule('core-vfio 9 iommufd object model', 'iommufd/main.c: iommufd_fops_open', 'each open has its own ids'),
};

/** close(2), by what is closed. */
export const CLOSE_RULES: Partial<Record<HandleKind, Rule>> = {
  container: rule(CLOSE_ORDER, 'container.c: vfio_fops_release', 'the container lives on while it has groups'),
  group: rule(CLOSE_ORDER, 'group.c: vfio_group_fops_release', 'the group is free when its devices are closed too'),
  device: rule(
    'core-pci 2.4 close',
    'vfio_pci_core.c: vfio_pci_core_close_device, vfio_pci_core_disable',
    'the last close undoes everything: interrupts, low power, configuration, and a reset',
  ),
  iommufd: rule(CLOSE_ORDER, 'iommufd/main.c: iommufd_fops_release', 'bound devices keep the context alive'),
  migration: rule(STREAM, 'the driver, e.g. mtty.c: mtty_release_migf', 'closing changes neither state nor session'),
};

export const CLOSED: Rule = rule(
  'core-vfio 18 Close ordering',
  'fs/file.c: file_close_fd',
  'EBADF for a closed number',
);

/** read(2), write(2), poll(2), mmap(2) and ioctl(2) that the file has no room for, by kind of file. */
export const STREAM_RULES: Partial<Record<HandleKind, Rule>> = {
  container: rule(
    'core-vfio 3 Container fd',
    'container.c: vfio_fops',
    'neither read nor write; unknown requests ENOTTY',
  ),
  group: rule(
    'core-vfio 2 Group fd',
    'group.c: vfio_group_fops',
    'no read (EINVAL), no mmap (ENODEV), unknown requests ENOTTY',
  ),
  iommufd: rule(
    'core-vfio 2 Group fd',
    'iommufd/main.c: iommufd_fops',
    'no read and no write (EINVAL), mmap only of what an object offers (ENXIO)',
  ),
  device: rule(
    'core-pci 3 Device fd front end',
    'vfio_main.c: vfio_device_fops_unl_ioctl; vfio_pci_core.c: vfio_pci_core_ioctl',
    'EINVAL before access is granted, unknown requests ENOTTY',
  ),
  migration: rule(
    STREAM,
    'the driver, e.g. mtty.c: mtty_save_read, mtty_resume_write; mlx5/main.c: mlx5vf_save_read, mlx5vf_resume_write',
    'one direction only (EBADF), no position (ESPIPE), ENODEV once the session has ended',
  ),
  faults: rule(
    'core-vfio 14 Event fds',
    'iommufd/eventq.c: iommufd_fault_fops_read, iommufd_fault_fops_write',
    'whole records only (ESPIPE); an empty queue reads 0 bytes',
  ),
  events: rule(
    'core-vfio 14 Event fds',
    'iommufd/eventq.c: iommufd_veventq_fops_read',
    'whole records, EINVAL if the first does not fit; an empty queue reads 0 bytes',
  ),
  eventfd: rule(
    'core-pci 9 Interrupts',
    'vfio_pci_intrs.c: vfio_intx_handler, vfio_msihandler; fs/eventfd.c: eventfd_signal',
    'each message of the function adds 1; INTx adds 1 and masks itself until UNMASK',
  ),
  'dma-buf': rule(
    'core-pci 14 dma-buf export',
    'vfio_pci_dmabuf.c: vfio_pci_dmabuf_ops',
    'revoked while memory is disabled',
  ),
};

export const PRECOPY_INFO: Rule = rule(
  'migration-core 7 VFIO_MIG_GET_PRECOPY_INFO',
  'linux/vfio.h: vfio_check_precopy_ioctl; the driver, e.g. mtty.c: mtty_precopy_ioctl',
  'argsz of at least 24, then the state (EINVAL outside pre-copy), then the session (ENODEV); a resuming stream has no ioctl',
);

/** mmap(2) of a device, and touching what it maps. */
export const MMAP: Rule = rule(
  'core-pci 7 mmap',
  'vfio_pci_core.c: vfio_pci_core_mmap',
  'shared, BARs that can be mapped only, within the page-aligned length (EINVAL); disabled memory is no obstacle here',
);
export const TOUCH: Rule = rule(
  'core-pci 7 mmap',
  'vfio_pci_core.c: vfio_pci_mmap_huge_fault, vfio_pci_zap_bars',
  'SIGBUS while memory is disabled or the device is in low power, SIGSEGV where nothing is mapped',
);
export const IOMMUFD_MMAP: Rule = rule(
  'core-vfio 13 vIOMMU, vDEVICE, HW queue',
  'iommufd/main.c: iommufd_fops_mmap',
  'page-aligned and shared (EINVAL), not executable (EPERM), an offset that an object gave (ENXIO)',
);

/** A device whose name is no PCI address: the sample of mediated devices. */
export const MTTY: Rule = rule(
  'migration-core 13 The mtty sample device',
  'samples/vfio-mdev/mtty.c: mtty_ioctl, mtty_access',
  'its own regions, interrupts and state machine, on the VFIO core without vfio-pci',
);
