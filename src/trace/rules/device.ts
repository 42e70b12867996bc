/** Requests of a device file, and SET_IRQS by interrupt index. */
import { PCI_IRQ, type VFIO } from '../../uapi/vfio.ts';
import { type Rule, rule } from './rule.ts';

/** Requests that go to a device file. */
export type DeviceRequest = Extract<keyof typeof VFIO, `DEVICE_${string}`>;

export const DEVICE_RULES: Readonly<Record<DeviceRequest, Rule>> = {
  DEVICE_GET_INFO: rule(
    'core-pci 4 GET_INFO',
    'vfio_pci_core.c: vfio_pci_ioctl_get_info',
    'argsz covers at least 16 bytes; 9 regions and the device-specific ones, 5 interrupt indices, RESET only if a function reset works; a chain that does not fit only corrects argsz',
  ),
  DEVICE_GET_REGION_INFO: rule(
    'core-pci 5 Region info',
    'vfio_main.c: vfio_get_region_info; vfio_pci_core.c: vfio_pci_ioctl_get_region_info',
    'argsz covers at least 32 bytes; offset is index << 40, an unimplemented BAR has size 0 and no flags, a chain that does not fit corrects argsz and clears cap_offset',
  ),
  DEVICE_GET_IRQ_INFO: rule(
    'core-pci 4 GET_IRQ_INFO',
    'vfio_pci_core.c: vfio_pci_ioctl_get_irq_info',
    'argsz covers at least 16 bytes and index is below 5; INTx is maskable and masks itself, the others cannot be resized unless MSI-X vectors are allocated one by one',
  ),
  DEVICE_SET_IRQS: rule(
    'core-pci 9.1 SET_IRQS validation',
    'vfio_main.c: vfio_set_irqs_validate_and_prepare',
    'argsz, index, range and exactly one data type are checked first (EINVAL), then the data is copied; an action that is missing or not offered is ENOTTY',
  ),
  DEVICE_RESET: rule(
    'core-pci 4 RESET',
    'vfio_pci_core.c: vfio_pci_ioctl_reset',
    'EINVAL without a working function reset; BAR mappings are zapped, the function is reset, and what the user wrote into virtual registers stays',
  ),
  DEVICE_GET_PCI_HOT_RESET_INFO: rule(
    'core-pci 10.2 GET_PCI_HOT_RESET_INFO',
    'vfio_pci_core.c: vfio_pci_ioctl_get_pci_hot_reset_info',
    'ENODEV if neither slot nor bus can be reset, ENOSPC with the count if the entries do not fit; groups name their number, a cdev device ids',
  ),
  DEVICE_PCI_HOT_RESET: rule(
    'core-pci 10.3 PCI_HOT_RESET',
    'vfio_pci_core.c: vfio_pci_ioctl_pci_hot_reset, vfio_pci_dev_set_hot_reset',
    'the caller shows that it owns every device of the bus, by group descriptors or by its iommufd; no flags, and not more groups than devices',
  ),
  DEVICE_QUERY_GFX_PLANE: rule(
    'core-pci 0 Numbers and layouts',
    'vfio_pci_core.c: vfio_pci_core_ioctl',
    'vfio-pci knows nothing of display planes: ENOTTY',
  ),
  DEVICE_GET_GFX_DMABUF: rule(
    'core-pci 0 Numbers and layouts',
    'vfio_pci_core.c: vfio_pci_core_ioctl',
    'vfio-pci knows nothing of display planes: ENOTTY',
  ),
  DEVICE_IOEVENTFD: rule(
    'core-pci 4 IOEVENTFD',
    'vfio_pci_rdwr.c: vfio_pci_ioeventfd',
    'exactly one width, inside one BAR and outside the MSI-X table; the same tuple twice is EEXIST, removing one that is not there ENODEV, more than 1000 ENOSPC',
  ),
  DEVICE_FEATURE: rule(
    'core-pci 13.1 VFIO_DEVICE_FEATURE front end',
    'vfio_main.c: vfio_ioctl_device_feature, vfio_check_feature',
    'argsz of at least 8, no unknown flag, not GET and SET at once without PROBE; an unknown feature is ENOTTY, PROBE of a known one succeeds without looking at argsz',
  ),
  DEVICE_BIND_IOMMUFD: rule(
    'core-vfio 5 BIND_IOMMUFD',
    'device_cdev.c: vfio_df_ioctl_bind_iommufd',
    'only a cdev, once, of a device that nobody has open otherwise; argsz of at least 16, an iommufd (EBADF, EBADFD), and the token that the device asks for',
  ),
  DEVICE_ATTACH_IOMMUFD_PT: rule(
    'core-vfio 5 ATTACH_IOMMUFD_PT',
    'device_cdev.c: vfio_df_ioctl_attach_pt',
    'argsz of at least 12, 16 with a PASID; pt_id is an IOAS or a page table and comes back as the page table in use; a second attach replaces',
  ),
  DEVICE_DETACH_IOMMUFD_PT: rule(
    'core-vfio 5 DETACH',
    'device_cdev.c: vfio_df_ioctl_detach_pt',
    'argsz of at least 8, 12 with a PASID; detaching what is not attached succeeds',
  ),
};

/** SET_IRQS once its arguments are valid, by index. */
export const IRQ_RULES: Readonly<Record<number, Rule>> = {
  [PCI_IRQ.INTX]: rule(
    'core-pci 9.3 INTx',
    'vfio_pci_intrs.c: vfio_pci_set_intx_trigger, vfio_pci_set_intx_mask, vfio_pci_set_intx_unmask',
    'start 0 and count 1 of a function with a pin; MASK and UNMASK need INTx active, and it masks itself when it fires',
  ),
  [PCI_IRQ.MSI]: rule(
    'core-pci 9.4 MSI / MSI-X TRIGGER',
    'vfio_pci_intrs.c: vfio_pci_set_msi_trigger, vfio_msi_set_block',
    'not while another type is active; the first eventfds decide how many vectors there are, and a block that fails takes every vector before the failure with it',
  ),
  [PCI_IRQ.MSIX]: rule(
    'core-pci 9.4 MSI / MSI-X TRIGGER',
    'vfio_pci_intrs.c: vfio_pci_set_msi_trigger, vfio_msi_set_block',
    'not while another type is active; the first eventfds decide how many vectors there are, and a block that fails takes every vector before the failure with it',
  ),
  [PCI_IRQ.ERR]: rule(
    'core-pci 9.5 ERR and REQ TRIGGER',
    'vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single',
    'start 0 and at most one; without an eventfd NONE is EINVAL, -1 removes it, and below -1 is EINVAL',
  ),
  [PCI_IRQ.REQ]: rule(
    'core-pci 9.5 ERR and REQ TRIGGER',
    'vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single',
    'start 0 and at most one; without an eventfd NONE is EINVAL, -1 removes it, and below -1 is EINVAL',
  ),
};
