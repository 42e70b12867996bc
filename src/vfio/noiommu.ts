/**
 * The driver of containers without any IOMMU (container.c:vfio_noiommu_ops): no translation at all, so nothing but the
 * type number and a capability to check. Devices of such a container reach all physical memory.
 */
import { ERRNO } from '../uapi/errno.ts';
import { EXTENSION } from '../uapi/vfio.ts';
import type { IommuBackend, IommuDriver } from './container.ts';

/** `parameters.noiommu` (enable_unsafe_noiommu_mode) is read at each question. */
export function noiommuDriver(parameters: { readonly noiommu: boolean }): IommuDriver {
  const extension = (number: number): number => (parameters.noiommu && number === EXTENSION.NOIOMMU_IOMMU ? 1 : 0);
  const backend: IommuBackend = {
    extension,
    attachGroup: () => 0,
    detachGroup: () => {},
    registerDevice: () => {},
    unregisterDevice: () => {},
    ioctl: () => -ERRNO.ENOTTY,
    release: () => {},
  };
  return {
    name: 'vfio-noiommu',
    noiommu: true,
    extension,
    open: (_type, caller) => (caller.capabilities.has('CAP_SYS_RAWIO') ? backend : -ERRNO.EPERM),
  };
}
