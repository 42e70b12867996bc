/**
 * The kernel: processes and their one door, open files, the PCI bus and its drivers, and what a driver may sleep on.
 * @module
 */
export { AddressSpace, type Mapping, type PinnedRun } from './address-space.ts';
export { Devfs, type Opener } from './devfs.ts';
export type { DmaBufImporter } from './dma-buf.ts';
export { type DmaBufExport, type DmaBufFile, dmaBufOf } from './dma-buf.ts';
export { EventFd } from './eventfd.ts';
export { type CommandFault, CommandPoint, FaultInjection, type FaultKind, FaultPoint } from './fault-injection.ts';
export { FdTable } from './fd-table.ts';
export { type Backing, FileReference, type MmapRequest, type OpenFile, POLL, type Result } from './file.ts';
export type { MmapFlags } from './file-mapping.ts';
export { IommuGroup, type ReservedRegion } from './iommu-group.ts';
export { ALL_CAPABILITIES, Kernel } from './kernel.ts';
export { MemFile } from './memfd.ts';
export { type PageFaultHandler, PageFaults } from './page-faults.ts';
export type { OpenFlags, PathLookup } from './path-lookup.ts';
export { type AerError, reportError } from './pci/aer.ts';
export { PciBus } from './pci/bus.ts';
export { type BarAccess, PciDevice, type Resource } from './pci/device.ts';
export type { DmaBuffer } from './pci/dma-buffer.ts';
export { ANY_ID, type PciDriver, type PciId } from './pci/driver.ts';
export { RESET_METHODS, type ResetMethod, resetMethods } from './pci/reset.ts';
export { restoreState, type SavedState, saveState } from './pci/saved-state.ts';
export type { SriovRegisters } from './pci/sriov.ts';
export { disableSriov, enableSriov } from './pci/sriov.ts';
export { type Capability, Process, type User } from './process.ts';
export { Completion, Mutex, type Task, type Wait, WaitQueue, type Wake } from './sleep.ts';
export type { Attribute, Binary, Directory, Link, Node } from './sysfs/node.ts';
export type { Extra } from './sysfs/pci-device.ts';
export { Sysfs } from './sysfs/tree.ts';
