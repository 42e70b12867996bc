/**
 * VFIO: groups and containers, the device file, and the migration protocol that drivers implement.
 * @module
 */
export type { Binding } from './binding.ts';
export { type ContainerLike, type IommuBackend, type IommuDriver, VfioContainer } from './container.ts';
export { type ContainerKind, type DeviceSet, VfioCore, type VfioHost, type VfioParameters } from './core.ts';
export { type RegionInfo, VfioDevice, type VfioDeviceOps } from './device.ts';
export { type BindRequest, type CdevIoctls, type DeviceFileOptions, VfioDeviceFile } from './device-file.ts';
export { type GroupKind, VfioGroup } from './group.ts';
export {
  type Arc,
  DATA_FILE_ARCS,
  MIG_REFUSED,
  type MigrationFsm,
  migrationArcs,
  migrationFsm,
  migrationPath,
  migStateName,
  migStateSupported,
  type NextState,
  type ReachableState,
  SESSION_END_ARCS,
  STATE_FLAGS,
  type StateName,
} from './migration/arcs.ts';
export { DataFile, type DataFileOps } from './migration/data-fd.ts';
export type { IovaBitmap, LogRange, SetStateResult, VfioLogOps, VfioMigrationOps } from './migration/ops.ts';
export { type PrecopyInfo, vfio_check_precopy_ioctl, writePrecopyInfo } from './migration/precopy.ts';
export { walkMigration } from './migration/walk.ts';
export { type DeviceIommu, resultOf } from './open.ts';
export type { ExternalAccess } from './type1/external.ts';
