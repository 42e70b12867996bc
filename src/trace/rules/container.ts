/** Requests of groups, of containers, and of an iommufd that stands in for a container. */
import type { VFIO } from '../../uapi/vfio.ts';
import { type Rule, rule } from './rule.ts';

/** Requests that go to a group file. */
export type GroupRequest = Extract<keyof typeof VFIO, `GROUP_${string}`>;
/** Requests that go to a container. */
export type ContainerRequest =
  | Extract<keyof typeof VFIO, `IOMMU_${string}`>
  | 'GET_API_VERSION'
  | 'CHECK_EXTENSION'
  | 'SET_IOMMU';

const GROUP = 'core-vfio 2 Group fd';
const CONTAINER = 'core-vfio 3 Container fd';
const COMPAT = 'core-vfio 16 VFIO compat container inside iommufd';

export const GROUP_RULES: Readonly<Record<GroupRequest, Rule>> = {
  GROUP_GET_STATUS: rule(
    GROUP,
    'group.c: vfio_group_ioctl_get_status',
    'argsz of at least 8; VIABLE while no driver of the kernel claims DMA in the group, both flags once a container or an iommufd is set',
  ),
  GROUP_SET_CONTAINER: rule(
    GROUP,
    'group.c: vfio_group_ioctl_set_container',
    'EBADF for a closed descriptor, EINVAL for a second container, EPERM or EBUSY if somebody owns the DMA of the group, EBADFD for any other file',
  ),
  GROUP_UNSET_CONTAINER: rule(
    GROUP,
    'group.c: vfio_group_ioctl_unset_container',
    'EINVAL with nothing set, EBUSY while devices of the container are open; an iommufd is just dropped',
  ),
  GROUP_GET_DEVICE_FD: rule(
    GROUP,
    'group.c: vfio_group_ioctl_get_device_fd',
    'the name, and the VF token where one is asked for, finds the device (ENODEV, EINVAL, EACCES); a container needs its IOMMU type first (EINVAL)',
  ),
};

export const CONTAINER_RULES: Readonly<Record<ContainerRequest, Rule>> = {
  GET_API_VERSION: rule(CONTAINER, 'container.c: vfio_fops_unl_ioctl', 'version 0, at any time'),
  CHECK_EXTENSION: rule(
    CONTAINER,
    'container.c: vfio_container_ioctl_check_extension',
    'without an IOMMU driver the best answer of all drivers, with one its own; unknown numbers are 0',
  ),
  SET_IOMMU: rule(
    CONTAINER,
    'container.c: vfio_ioctl_set_iommu',
    'EINVAL without a group or a second time, ENODEV if no driver offers the type',
  ),
  IOMMU_GET_INFO: rule(
    'core-vfio 7.3 GET_INFO',
    'vfio_iommu_type1.c: vfio_iommu_type1_get_info',
    'argsz of at least 16; the chain is migration, available mappings, IOVA ranges, and one that does not fit only corrects argsz',
  ),
  IOMMU_MAP_DMA: rule(
    'core-vfio 7.4 MAP_DMA',
    'vfio_iommu_type1.c: vfio_dma_do_map',
    'READ or WRITE (or VADDR alone), aligned, no overflow, no overlap (EEXIST), within one IOVA range, within the limits of mappings (ENOSPC) and of locked memory (ENOMEM)',
  ),
  IOMMU_UNMAP_DMA: rule(
    'core-vfio 7.5 UNMAP_DMA',
    'vfio_iommu_type1.c: vfio_dma_do_unmap',
    'size comes back as what was unmapped, 0 included; type1 v2 refuses to cut a mapping, v1 takes the whole mapping from its first byte',
  ),
  IOMMU_DIRTY_PAGES: rule(
    'core-vfio 7.6 DIRTY_PAGES',
    'vfio_iommu_type1.c: vfio_iommu_type1_dirty_pages',
    'type1 v2 only (EACCES), exactly one flag; without page pinning every mapped page counts as dirty',
  ),
  IOMMU_ENABLE: rule('core-vfio 7.8 other', 'vfio_iommu_type1.c: vfio_iommu_type1_ioctl', 'not of type1: ENOTTY'),
  IOMMU_DISABLE: rule('core-vfio 7.8 other', 'vfio_iommu_type1.c: vfio_iommu_type1_ioctl', 'not of type1: ENOTTY'),
};

export const COMPAT_RULES: Readonly<Record<ContainerRequest, Rule>> = {
  GET_API_VERSION: rule(COMPAT, 'vfio_compat.c: iommufd_vfio_ioctl', 'version 0, at any time'),
  CHECK_EXTENSION: rule(
    COMPAT,
    'vfio_compat.c: iommufd_vfio_check_extension',
    'type1, type1 v2 and UNMAP_ALL; DMA_CC needs a compatibility IOAS (ENODEV)',
  ),
  SET_IOMMU: rule(
    COMPAT,
    'vfio_compat.c: iommufd_vfio_set_iommu',
    'type1 or type1 v2, else EINVAL; ENODEV without a compatibility IOAS; may be repeated',
  ),
  IOMMU_GET_INFO: rule(
    COMPAT,
    'vfio_compat.c: iommufd_vfio_iommu_get_info',
    'argsz is always replaced by what is needed, and the capabilities that fit are written; no migration capability',
  ),
  IOMMU_MAP_DMA: rule(
    COMPAT,
    'vfio_compat.c: iommufd_vfio_map_dma',
    'READ and WRITE only, at a fixed IOVA of the compatibility IOAS (ENODEV); no limit of mappings',
  ),
  IOMMU_UNMAP_DMA: rule(
    COMPAT,
    'vfio_compat.c: iommufd_vfio_unmap_dma',
    'flag ALL only; a range that cuts a mapping is ENOENT, one that finds nothing succeeds with size 0; size is written back also on an error',
  ),
  IOMMU_DIRTY_PAGES: rule(COMPAT, 'vfio_compat.c: iommufd_vfio_ioctl', 'not offered: ENOTTY'),
  IOMMU_ENABLE: rule(COMPAT, 'vfio_compat.c: iommufd_vfio_ioctl', 'not offered: ENOTTY'),
  IOMMU_DISABLE: rule(COMPAT, 'vfio_compat.c: iommufd_vfio_ioctl', 'not offered: ENOTTY'),
};
