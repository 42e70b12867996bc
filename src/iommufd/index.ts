/**
 * iommufd: /dev/iommu, its objects and ioctls, and what a driver binds devices with.
 * @module
 */
export { Access, type UnmapCallback } from './access.ts';
export { Account, type AccountMode } from './accounting.ts';
export { Area } from './area.ts';
export { Context, type IommufdParameters } from './context.ts';
export { IommufdDevice } from './device.ts';
export { type FaultGroup, FaultQueue, type FaultSource } from './fault-queue.ts';
export { IommufdFile } from './file.ts';
export { GroupAttachments } from './group-attachments.ts';
export { HwQueue } from './hw-queue.ts';
export { type AnyHwpt, type FirstStage, Hwpt, type HwptOptions, NestedHwpt } from './hwpt.ts';
export { IoPagetable, type Piece, type Protection } from './io-pagetable.ts';
export { Ioas } from './ioas.ts';
export type { IommufdObject, ObjectKind } from './object.ts';
export { ObjectTable } from './object-table.ts';
export type { PageSource } from './page-source.ts';
export type { PageTable } from './page-table.ts';
export { type AreaTable, type Hold, Pages } from './pages.ts';
export { type Range, Ranges } from './ranges.ts';
export { Reserved } from './reserved.ts';
export { Vdevice } from './vdevice.ts';
export { Veventq, type VirtualEvent } from './veventq.ts';
export { createCompatIoas, setNoIommu } from './vfio-compat.ts';
export { Viommu } from './viommu.ts';
