/** ioctl numbers and argument structs of include/uapi/linux/iommufd.h that a script can name. */
import { type Layout, layout } from '../uapi/layout.ts';

/** `_IO(';', nr)`: iommufd ioctl numbers carry neither size nor direction. */
const io = (nr: number): number => (0x3b << 8) | nr;

/** One iommufd ioctl: its number and the struct its argument points to. */
export interface IommufdRequest {
  readonly number: number;
  readonly layout: Layout;
}

const request = (nr: number, struct: Layout): IommufdRequest => ({ number: io(nr), layout: struct });

/** The requests under the names of the header, in the order of their numbers. */
export const IOMMUFD: Readonly<Record<string, IommufdRequest>> = {
  IOMMU_DESTROY: request(0x80, layout('iommu_destroy', { size: 'u32', id: 'u32' })),
  IOMMU_IOAS_ALLOC: request(0x81, layout('iommu_ioas_alloc', { size: 'u32', flags: 'u32', out_ioas_id: 'u32' })),
  IOMMU_IOAS_ALLOW_IOVAS: request(
    0x82,
    layout('iommu_ioas_allow_iovas', {
      size: 'u32',
      ioas_id: 'u32',
      num_iovas: 'u32',
      __reserved: 'u32',
      allowed_iovas: 'u64',
    }),
  ),
  IOMMU_IOAS_COPY: request(
    0x83,
    layout('iommu_ioas_copy', {
      size: 'u32',
      flags: 'u32',
      dst_ioas_id: 'u32',
      src_ioas_id: 'u32',
      length: 'u64',
      dst_iova: 'u64',
      src_iova: 'u64',
    }),
  ),
  IOMMU_IOAS_IOVA_RANGES: request(
    0x84,
    layout('iommu_ioas_iova_ranges', {
      size: 'u32',
      ioas_id: 'u32',
      num_iovas: 'u32',
      __reserved: 'u32',
      allowed_iovas: 'u64',
      out_iova_alignment: 'u64',
    }),
  ),
  IOMMU_IOAS_MAP: request(
    0x85,
    layout('iommu_ioas_map', {
      size: 'u32',
      flags: 'u32',
      ioas_id: 'u32',
      __reserved: 'u32',
      user_va: 'u64',
      length: 'u64',
      iova: 'u64',
    }),
  ),
  IOMMU_IOAS_UNMAP: request(
    0x86,
    layout('iommu_ioas_unmap', { size: 'u32', ioas_id: 'u32', iova: 'u64', length: 'u64' }),
  ),
  IOMMU_OPTION: request(
    0x87,
    layout('iommu_option', {
      size: 'u32',
      option_id: 'u32',
      op: 'u16',
      __reserved: 'u16',
      object_id: 'u32',
      val64: 'u64',
    }),
  ),
  IOMMU_VFIO_IOAS: request(
    0x88,
    layout('iommu_vfio_ioas', { size: 'u32', ioas_id: 'u32', op: 'u16', __reserved: 'u16' }),
  ),
  IOMMU_HWPT_ALLOC: request(
    0x89,
    layout('iommu_hwpt_alloc', {
      size: 'u32',
      flags: 'u32',
      dev_id: 'u32',
      pt_id: 'u32',
      out_hwpt_id: 'u32',
      __reserved: 'u32',
      data_type: 'u32',
      data_len: 'u32',
      data_uptr: 'u64',
      fault_id: 'u32',
      __reserved2: 'u32',
    }),
  ),
  IOMMU_GET_HW_INFO: request(
    0x8a,
    layout('iommu_hw_info', {
      size: 'u32',
      flags: 'u32',
      dev_id: 'u32',
      data_len: 'u32',
      data_uptr: 'u64',
      out_data_type: 'u32',
      out_max_pasid_log2: 'u8',
      __reserved: ['u8', 3],
      out_capabilities: 'u64',
    }),
  ),
  IOMMU_HWPT_SET_DIRTY_TRACKING: request(
    0x8b,
    layout('iommu_hwpt_set_dirty_tracking', { size: 'u32', flags: 'u32', hwpt_id: 'u32', __reserved: 'u32' }),
  ),
  IOMMU_HWPT_GET_DIRTY_BITMAP: request(
    0x8c,
    layout('iommu_hwpt_get_dirty_bitmap', {
      size: 'u32',
      hwpt_id: 'u32',
      flags: 'u32',
      __reserved: 'u32',
      iova: 'u64',
      length: 'u64',
      page_size: 'u64',
      data: 'u64',
    }),
  ),
  IOMMU_HWPT_INVALIDATE: request(
    0x8d,
    layout('iommu_hwpt_invalidate', {
      size: 'u32',
      hwpt_id: 'u32',
      data_uptr: 'u64',
      data_type: 'u32',
      entry_len: 'u32',
      entry_num: 'u32',
      __reserved: 'u32',
    }),
  ),
  IOMMU_FAULT_QUEUE_ALLOC: request(
    0x8e,
    layout('iommu_fault_alloc', { size: 'u32', flags: 'u32', out_fault_id: 'u32', out_fault_fd: 'u32' }),
  ),
  IOMMU_IOAS_MAP_FILE: request(
    0x8f,
    layout('iommu_ioas_map_file', {
      size: 'u32',
      flags: 'u32',
      ioas_id: 'u32',
      fd: 's32',
      start: 'u64',
      length: 'u64',
      iova: 'u64',
    }),
  ),
  IOMMU_VIOMMU_ALLOC: request(
    0x90,
    layout('iommu_viommu_alloc', {
      size: 'u32',
      flags: 'u32',
      type: 'u32',
      dev_id: 'u32',
      hwpt_id: 'u32',
      out_viommu_id: 'u32',
      data_len: 'u32',
      __reserved: 'u32',
      data_uptr: 'u64',
    }),
  ),
  IOMMU_VDEVICE_ALLOC: request(
    0x91,
    layout('iommu_vdevice_alloc', {
      size: 'u32',
      viommu_id: 'u32',
      dev_id: 'u32',
      out_vdevice_id: 'u32',
      virt_id: 'u64',
    }),
  ),
  IOMMU_IOAS_CHANGE_PROCESS: request(0x92, layout('iommu_ioas_change_process', { size: 'u32', __reserved: 'u32' })),
  IOMMU_VEVENTQ_ALLOC: request(
    0x93,
    layout('iommu_veventq_alloc', {
      size: 'u32',
      flags: 'u32',
      viommu_id: 'u32',
      type: 'u32',
      veventq_depth: 'u32',
      out_veventq_id: 'u32',
      out_veventq_fd: 'u32',
      __reserved: 'u32',
    }),
  ),
  IOMMU_HW_QUEUE_ALLOC: request(
    0x94,
    layout('iommu_hw_queue_alloc', {
      size: 'u32',
      flags: 'u32',
      viommu_id: 'u32',
      type: 'u32',
      index: 'u32',
      out_hw_queue_id: 'u32',
      nesting_parent_iova: 'u64',
      length: 'u64',
    }),
  ),
  IOMMU_IOAS_NOIOMMU_GET_PA: request(
    0x95,
    layout('iommu_ioas_noiommu_get_pa', {
      size: 'u32',
      flags: 'u32',
      ioas_id: 'u32',
      __reserved: 'u32',
      iova: 'u64',
      length: 'u64',
      out_phys: 'u64',
    }),
  ),
};
