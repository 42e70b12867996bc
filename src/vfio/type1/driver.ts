/** The type1 driver as a container's SET_IOMMU finds it (vfio_iommu_type1_open). */
import { ERRNO } from '../../uapi/errno.ts';
import { EXTENSION } from '../../uapi/vfio.ts';
import type { IommuDriver } from '../container.ts';
import { Type1, type Type1Parameters, type1Extension } from './type1.ts';

export type { Type1Parameters } from './type1.ts';

/** `parameters` are read at each SET_IOMMU, so the administrator can change them meanwhile. */
export function type1Driver(parameters: Type1Parameters): IommuDriver {
  return {
    name: 'vfio-iommu-type1',
    noiommu: false,
    extension: type1Extension,
    open(type, { faults }) {
      if (faults.allocation.fails()) return -ERRNO.ENOMEM;
      if (type === EXTENSION.TYPE1_IOMMU) return new Type1(false, parameters, faults);
      if (type === EXTENSION.TYPE1v2_IOMMU) return new Type1(true, parameters, faults);
      return -ERRNO.EINVAL;
    },
  };
}
