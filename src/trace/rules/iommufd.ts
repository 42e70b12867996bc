/** Requests of an iommufd. */
import type { IOMMU } from '../../uapi/iommufd.ts';
import { type Rule, rule } from './rule.ts';

const IOCTLS = 'core-vfio 10 iommufd ioctls';
const VIOMMU = 'core-vfio 13 vIOMMU, vDEVICE, HW queue';

export const IOMMUFD_RULES: Readonly<Record<keyof typeof IOMMU, Rule>> = {
  DESTROY: rule(
    `${IOCTLS}: DESTROY`,
    'iommufd/main.c: iommufd_destroy',
    'ENOENT for an unknown id, EBUSY while another object or a device uses it',
  ),
  IOAS_ALLOC: rule(
    `${IOCTLS}: IOAS_ALLOC`,
    'iommufd/ioas.c: iommufd_ioas_alloc_ioctl',
    'no flags (EOPNOTSUPP); ids count from 1, and the lowest free one is given',
  ),
  IOAS_ALLOW_IOVAS: rule(
    `${IOCTLS}: ALLOW_IOVAS`,
    'iommufd/ioas.c: iommufd_ioas_allow_iovas',
    'replaces the whole list; start below last, no overlap within the list, none with what is reserved (EADDRINUSE)',
  ),
  IOAS_COPY: rule(
    `${IOCTLS}: COPY`,
    'iommufd/ioas.c: iommufd_ioas_copy',
    'the source range is mapped without a hole (ENOENT) and as writable as asked for (EPERM); then the rules of placing a mapping',
  ),
  IOAS_IOVA_RANGES: rule(
    `${IOCTLS}: IOVA_RANGES`,
    'iommufd/ioas.c: iommufd_ioas_iova_ranges',
    'num_iovas comes back as the number there is, with EMSGSIZE if fewer were asked for; allowed ranges do not show',
  ),
  IOAS_MAP: rule(
    `${IOCTLS}: MAP`,
    'iommufd/ioas.c: iommufd_ioas_map; iommufd/io_pagetable.c: iopt_map_pages',
    'unknown flags EOPNOTSUPP, overflow EOVERFLOW, neither readable nor writable EINVAL; a fixed IOVA is free (EEXIST) and not reserved, another one is found',
  ),
  IOAS_UNMAP: rule(
    `${IOCTLS}: UNMAP`,
    'iommufd/ioas.c: iommufd_ioas_unmap',
    'ENOENT for a range that cuts a mapping or finds nothing, except 0 to 2^64-1, which always succeeds; length comes back in bytes',
  ),
  OPTION: rule(
    `${IOCTLS}: OPTION`,
    'iommufd/main.c: iommufd_option; iommufd/ioas.c: iommufd_ioas_option',
    'the limit mode belongs to the file and cannot change once it has objects (EBUSY), huge pages belong to one IOAS',
  ),
  VFIO_IOAS: rule(
    `${IOCTLS}: VFIO_IOAS`,
    'iommufd/vfio_compat.c: iommufd_vfio_ioas',
    'GET, SET and CLEAR of the IOAS that the compatibility container uses; GET of none is ENODEV',
  ),
  HWPT_ALLOC: rule(
    `${IOCTLS}: HWPT_ALLOC`,
    'iommufd/hw_pagetable.c: iommufd_hwpt_alloc',
    'an unknown pt_id is EINVAL, what the IOMMU cannot do EOPNOTSUPP; the parent is an IOAS, a nest parent or a vIOMMU',
  ),
  GET_HW_INFO: rule(
    `${IOCTLS}: GET_HW_INFO`,
    'iommufd/device.c: iommufd_get_hw_info',
    'copies what fits, zeroes the rest of the buffer, and answers the full length',
  ),
  HWPT_SET_DIRTY_TRACKING: rule(
    `${IOCTLS}: HWPT_SET_DIRTY_TRACKING`,
    'iommufd/hw_pagetable.c: iommufd_hwpt_set_dirty_tracking',
    'a page table of an IOMMU with dirty tracking (EOPNOTSUPP); enabling clears what was dirty',
  ),
  HWPT_GET_DIRTY_BITMAP: rule(
    `${IOCTLS}: HWPT_GET_DIRTY_BITMAP`,
    'iommufd/hw_pagetable.c: iommufd_hwpt_get_dirty_bitmap',
    'range and page_size are checked before the page table is asked whether it tracks; holes are no error',
  ),
  HWPT_INVALIDATE: rule(
    `${IOCTLS}: HWPT_INVALIDATE`,
    'iommufd/hw_pagetable.c: iommufd_hwpt_invalidate',
    'entry_num comes back as the entries that were handled, 0 on early errors',
  ),
  FAULT_QUEUE_ALLOC: rule(
    `${IOCTLS}: FAULT_QUEUE_ALLOC`,
    'iommufd/eventq.c: iommufd_fault_alloc',
    'no flags (EOPNOTSUPP); an id and a descriptor',
  ),
  IOAS_MAP_FILE: rule(
    `${IOCTLS}: MAP_FILE`,
    'iommufd/ioas.c: iommufd_ioas_map_file',
    'as MAP, from a memory file or a dma-buf: EBADF for no file, EINVAL beyond its end or for another kind',
  ),
  VIOMMU_ALLOC: rule(
    `${VIOMMU}: VIOMMU_ALLOC`,
    'iommufd/viommu.c: iommufd_viommu_alloc_ioctl',
    'no flags and a type that the IOMMU of the device knows (EOPNOTSUPP), on a nest parent',
  ),
  VDEVICE_ALLOC: rule(
    `${VIOMMU}: VDEVICE_ALLOC`,
    'iommufd/viommu.c: iommufd_vdevice_alloc_ioctl',
    'one a device, one a virt_id (EEXIST), behind the same IOMMU',
  ),
  IOAS_CHANGE_PROCESS: rule(
    `${IOCTLS}: CHANGE_PROCESS`,
    'iommufd/ioas.c: iommufd_ioas_change_process',
    'only while every mapping is one of a file (EINVAL)',
  ),
  VEVENTQ_ALLOC: rule(
    `${VIOMMU}: VEVENTQ_ALLOC`,
    'iommufd/eventq.c: iommufd_veventq_alloc',
    'a depth of 1 to 2^19, and one queue a type (EEXIST)',
  ),
  HW_QUEUE_ALLOC: rule(
    `${VIOMMU}: HW_QUEUE_ALLOC`,
    'iommufd/viommu.c: iommufd_hw_queue_alloc_ioctl',
    'a type and a length; memory that is mapped (ENOENT), readable (EPERM) and contiguous (EFAULT)',
  ),
  IOAS_NOIOMMU_GET_PA: rule(
    `${IOCTLS}: NOIOMMU_GET_PA`,
    'iommufd/ioas.c: iommufd_ioas_noiommu_get_pa',
    'offered only where no-IOMMU support is built in (EOPNOTSUPP), and to CAP_SYS_RAWIO only (EPERM)',
  ),
};

/** What stands before every request: the numbers and sizes of all of them. */
export const IOMMUFD_FRONT_END: Rule = rule(
  'core-vfio 9 iommufd object model',
  'iommufd/main.c: iommufd_fops_ioctl',
  'an unknown number is ENOTTY, a size below the minimum EINVAL, bytes behind the known struct must be zero (E2BIG)',
);
