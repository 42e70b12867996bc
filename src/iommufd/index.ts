/**
 * iommufd: /dev/iommu, its objects and ioctls, and what a driver binds devices with.
 * @module
 */
export { Access } from './access.ts';
export { Context, type IommufdParameters } from './context.ts';
export { IommufdDevice } from './device.ts';
export { type FaultGroup, FaultQueue } from './fault-queue.ts';
export { IommufdFile } from './file.ts';
export { Ioas } from './ioas.ts';
export { createCompatIoas, setNoIommu } from './vfio-compat.ts';
export { Viommu } from './viommu.ts';
