/**
 * The hardware: memory, PCI functions from descriptions, topology, IOMMU, interrupts, the fabric between them, virtual
 * time, and the device models that come with it. Nothing in here has heard of VFIO.
 * @module
 */
export { edu } from './devices/edu/description.ts';
export { igb } from './devices/igb/description.ts';
export { builtInModels, type CommandFailure, MODELS } from './devices/index.ts';
export { type Capabilities, type Limits, type ModelOptions, mlx5Models, mlx5Slot } from './devices/mlx5/index.ts';
export { SAMPLE_DESCRIPTION } from './devices/sample/description.ts';
export type { UnclaimedEvent } from './fabric.ts';
export {
  type DmaEvent,
  Fabric,
  type FabricEvents,
  type FaultEvent,
  type InterruptEvent,
  type PeerEvent,
  type ResetEvent,
} from './fabric.ts';
export { HangError } from './hang.ts';
export { Hardware, type ModelTable } from './hardware.ts';
export { InterruptController, type Vector } from './interrupts.ts';
export { type Interval, Intervals } from './intervals.ts';
export { DirtyLeaves, type LeafSpan } from './iommu/dirty-leaves.ts';
export { Domain, type IovaMapping } from './iommu/domain.ts';
export { Iommu, MSI_WINDOW } from './iommu/iommu.ts';
export {
  type PageRequest,
  type PageRequestHandler,
  PageRequests,
  type PageResponse,
  type Respond,
} from './iommu/page-requests.ts';
export type { Stage1 } from './iommu/stage1.ts';
export { LockOrder } from './lock-order.ts';
export { mlx5Machine } from './machines/mlx5.ts';
export { recorded, vtd } from './machines/recorded.ts';
export { sampleMachine } from './machines/sample.ts';
export { type Extent, PAGE_SIZE, PagePool, PhysicalMemory } from './memory.ts';
export { Mutex } from './mutex.ts';
export { Oops } from './oops.ts';
export { ConfigSpace } from './pci/config-space.ts';
export type {
  BarDescription,
  BridgeDescription,
  CapabilityDescription,
  FunctionDescription,
  IommuDescription,
  MachineDescription,
  RomDescription,
  SlotDescription,
  SriovDescription,
} from './pci/description.ts';
export { PciFunction } from './pci/function.ts';
export { IntxLine } from './pci/intx-line.ts';
export type { InterruptMode } from './pci/messages.ts';
export {
  type DeviceModel,
  type DevicePorts,
  type DmaPort,
  type InterruptPort,
  inert,
  type LegacySpace,
  type ModelFactory,
  type Quad,
  type ResetKind,
} from './pci/model.ts';
export { MsixTable } from './pci/msix-table.ts';
export { bdf, type Place, type RequesterId } from './pci/place.ts';
export { type FunctionTemplate, type PlacedCapability, type StickyBits, templateOf } from './pci/template.ts';
export { type Bridge, type Hit, Topology } from './pci/topology.ts';
export { type Choose, HANG, Scheduler, type Task, type Thread, type Wait, WaitQueue, type Wake } from './scheduler.ts';
