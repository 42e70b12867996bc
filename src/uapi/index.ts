/**
 * The user-space ABI: error numbers, ioctl numbers, flags and struct layouts, under the names of the Linux headers.
 * @module
 */
export { ERRNO, type ErrnoName, errnoName } from './errno.ts';
export * as iommufd from './iommufd.ts';
export { type Field, type FieldType, type Layout, layout, SCALAR, type Scalar } from './layout.ts';
export * as unnamed from './unnamed.ts';
export * as vfio from './vfio.ts';
