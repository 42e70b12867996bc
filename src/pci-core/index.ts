/**
 * The vfio-pci-core library: what a variant driver reuses and overrides, under the kernel's function names.
 * @module
 */
export type { BarAccess } from '../kernel/pci/device.ts';
export { vfio_pci_core_do_io_rw, vfio_pci_core_ioread, vfio_pci_core_iowrite, type Width } from './bar-io.ts';
export { BarMapping, type BarMappings } from './bar-mappings.ts';
export { type Bars, vfio_pci_core_get_iomap } from './bars.ts';
export { vfio_pci_config_rw_single } from './config/access.ts';
export { CAPABILITIES } from './config/cap-table.ts';
export { EXT_CAPABILITIES } from './config/ext-cap-table.ts';
export type { ConfigHandler } from './config/handler.ts';
export { HEADER } from './config/header-table.ts';
export { forgetLayouts } from './config/layout.ts';
export type { CapabilityRow, Measure, PermissionRow } from './config/row.ts';
export type { ConfigShadow } from './config/shadow.ts';
export { VfioPciCoreDevice } from './core-device.ts';
export type { DeviceSet } from './device-set.ts';
export { type BarRange, type DmaBuf, DmaBufs } from './dma-buf.ts';
export { type FeatureHandler, PCI_FEATURES, vfio_pci_core_ioctl_feature } from './feature.ts';
export type { HostVpd } from './host-vpd.ts';
export type { Interrupts } from './interrupts/interrupts.ts';
export type { Intx } from './interrupts/intx.ts';
export type { Messages } from './interrupts/messages.ts';
export { type IoctlHandler, PCI_IOCTLS, vfio_pci_core_ioctl } from './ioctl.ts';
export type { IoEventFds } from './ioeventfd.ts';
export {
  vfio_pci_core_close_device,
  vfio_pci_core_disable,
  vfio_pci_core_enable,
  vfio_pci_core_finish_enable,
} from './lifecycle.ts';
export { __vfio_pci_memory_enabled } from './memory-enabled.ts';
export { vfio_pci_core_mmap } from './mmap.ts';
export { coreOps, type RuntimePowerOps } from './ops.ts';
export type { Power } from './power.ts';
export { type RangeIntersection, vfio_pci_core_range_intersect_range } from './range.ts';
export { type DeviceRegion, type DeviceRegionOps, vfio_pci_core_register_dev_region } from './region.ts';
export { vfio_pci_ioctl_get_region_info } from './region-info.ts';
export { indexToOffset, offsetInRegion, offsetToIndex, VFIO_PCI_OFFSET_SHIFT } from './region-offset.ts';
export {
  type InitOptions,
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_init_dev,
  vfio_pci_core_register_device,
  vfio_pci_core_request,
  vfio_pci_core_sriov_configure,
  vfio_pci_core_unregister_device,
} from './register.ts';
export type { BusReset, VfioRegistry } from './registry.ts';
export { vfio_pci_core_read, vfio_pci_core_write } from './rw.ts';
export { type VfToken, vfio_pci_core_match, vfio_pci_core_match_token_uuid } from './vf-token.ts';
export { DEFAULT_PARAMETERS, VfioPci, type VfioPciParameters, vfioPciOps } from './vfio-pci.ts';
