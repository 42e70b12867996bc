/** Constants and structs of include/uapi/linux/iommufd.h (Linux 7.3), under the header's own names. */
import { type Layout, layout } from './layout.ts';

/** `_IO(';', nr)`: iommufd ioctl numbers carry neither size nor direction. */
const io = (nr: number): number => (0x3b << 8) | nr;

/** ioctl numbers, in the order of the command table (iommufd/main.c: iommufd_ioctl_ops). */
export const IOMMU = {
  DESTROY: io(0x80),
  IOAS_ALLOC: io(0x81),
  IOAS_ALLOW_IOVAS: io(0x82),
  IOAS_COPY: io(0x83),
  IOAS_IOVA_RANGES: io(0x84),
  IOAS_MAP: io(0x85),
  IOAS_UNMAP: io(0x86),
  OPTION: io(0x87),
  VFIO_IOAS: io(0x88),
  HWPT_ALLOC: io(0x89),
  GET_HW_INFO: io(0x8a),
  HWPT_SET_DIRTY_TRACKING: io(0x8b),
  HWPT_GET_DIRTY_BITMAP: io(0x8c),
  HWPT_INVALIDATE: io(0x8d),
  FAULT_QUEUE_ALLOC: io(0x8e),
  IOAS_MAP_FILE: io(0x8f),
  VIOMMU_ALLOC: io(0x90),
  VDEVICE_ALLOC: io(0x91),
  IOAS_CHANGE_PROCESS: io(0x92),
  VEVENTQ_ALLOC: io(0x93),
  HW_QUEUE_ALLOC: io(0x94),
  IOAS_NOIOMMU_GET_PA: io(0x95),
} as const;

/** Low byte of the first of iommufd's own ioctls; those below are VFIO's (the compatibility container). */
export const IOMMUFD_CMD_BASE = 0x80;

export const IOAS_MAP_FLAG = { FIXED_IOVA: 1, WRITEABLE: 2, READABLE: 4 } as const;
export const OPTION = { RLIMIT_MODE: 0, HUGE_PAGES: 1 } as const;
export const OPTION_OP = { SET: 0, GET: 1 } as const;
export const VFIO_IOAS_OP = { GET: 0, SET: 1, CLEAR: 2 } as const;
export const HWPT_ALLOC_FLAG = { NEST_PARENT: 1, DIRTY_TRACKING: 2, FAULT_ID_VALID: 4, PASID: 8 } as const;
export const HWPT_DATA = { NONE: 0, VTD_S1: 1, ARM_SMMUV3: 2, AMD_GUEST: 3 } as const;
export const VTD_S1_FLAG = { SRE: 1, EAFE: 2, WPE: 4 } as const;
export const HW_INFO_TYPE = { DEFAULT: 0, INTEL_VTD: 1, ARM_SMMUV3: 2, TEGRA241_CMDQV: 3, AMD: 4 } as const;
export const HW_INFO_VTD_FLAG = { ERRATA_772415_SPR17: 1 } as const;
export const HW_INFO_FLAG = { INPUT_TYPE: 1 } as const;
export const HW_CAP = { DIRTY_TRACKING: 1, PCI_PASID_EXEC: 2, PCI_PASID_PRIV: 4, PCI_ATS_NOT_SUPPORTED: 8 } as const;
export const DIRTY_TRACKING_FLAG = { ENABLE: 1 } as const;
export const DIRTY_BITMAP_FLAG = { NO_CLEAR: 1 } as const;
export const HWPT_INVALIDATE_DATA = { VTD_S1: 0, VIOMMU_ARM_SMMUV3: 1 } as const;
export const PGFAULT_FLAG = { PASID_VALID: 1, LAST_PAGE: 2 } as const;
export const PGFAULT_PERM = { READ: 1, WRITE: 2, EXEC: 4, PRIV: 8 } as const;
export const PAGE_RESP = { SUCCESS: 0, INVALID: 1 } as const;
export const VIOMMU_TYPE = { DEFAULT: 0, ARM_SMMUV3: 1, TEGRA241_CMDQV: 2 } as const;
export const VEVENTQ_TYPE = { DEFAULT: 0, ARM_SMMUV3: 1, TEGRA241_CMDQV: 2 } as const;
export const VEVENTQ_FLAG = { LOST_EVENTS: 1 } as const;
export const HW_QUEUE_TYPE = { DEFAULT: 0, TEGRA241_CMDQV: 1 } as const;

export const iommu_destroy = layout('iommu_destroy', { size: 'u32', id: 'u32' });
export const iommu_ioas_alloc = layout('iommu_ioas_alloc', { size: 'u32', flags: 'u32', out_ioas_id: 'u32' });
export const iommu_iova_range = layout('iommu_iova_range', { start: 'u64', last: 'u64' });
export const iommu_ioas_iova_ranges = layout('iommu_ioas_iova_ranges', {
  size: 'u32',
  ioas_id: 'u32',
  num_iovas: 'u32',
  __reserved: 'u32',
  allowed_iovas: 'u64',
  out_iova_alignment: 'u64',
});
export const iommu_ioas_allow_iovas = layout('iommu_ioas_allow_iovas', {
  size: 'u32',
  ioas_id: 'u32',
  num_iovas: 'u32',
  __reserved: 'u32',
  allowed_iovas: 'u64',
});
export const iommu_ioas_map = layout('iommu_ioas_map', {
  size: 'u32',
  flags: 'u32',
  ioas_id: 'u32',
  __reserved: 'u32',
  user_va: 'u64',
  length: 'u64',
  iova: 'u64',
});
export const iommu_ioas_map_file = layout('iommu_ioas_map_file', {
  size: 'u32',
  flags: 'u32',
  ioas_id: 'u32',
  fd: 's32',
  start: 'u64',
  length: 'u64',
  iova: 'u64',
});
export const iommu_ioas_copy = layout('iommu_ioas_copy', {
  size: 'u32',
  flags: 'u32',
  dst_ioas_id: 'u32',
  src_ioas_id: 'u32',
  length: 'u64',
  dst_iova: 'u64',
  src_iova: 'u64',
});
export const iommu_ioas_unmap = layout('iommu_ioas_unmap', { size: 'u32', ioas_id: 'u32', iova: 'u64', length: 'u64' });
export const iommu_ioas_change_process = layout('iommu_ioas_change_process', { size: 'u32', __reserved: 'u32' });
export const iommu_ioas_noiommu_get_pa = layout('iommu_ioas_noiommu_get_pa', {
  size: 'u32',
  flags: 'u32',
  ioas_id: 'u32',
  __reserved: 'u32',
  iova: 'u64',
  length: 'u64',
  out_phys: 'u64',
});
export const iommu_option = layout('iommu_option', {
  size: 'u32',
  option_id: 'u32',
  op: 'u16',
  __reserved: 'u16',
  object_id: 'u32',
  val64: 'u64',
});
export const iommu_vfio_ioas = layout('iommu_vfio_ioas', {
  size: 'u32',
  ioas_id: 'u32',
  op: 'u16',
  __reserved: 'u16',
});
export const iommu_hwpt_alloc = layout('iommu_hwpt_alloc', {
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
});
export const iommu_hwpt_vtd_s1 = layout('iommu_hwpt_vtd_s1', {
  flags: 'u64',
  pgtbl_addr: 'u64',
  addr_width: 'u32',
  __reserved: 'u32',
});
export const iommu_hwpt_arm_smmuv3 = layout('iommu_hwpt_arm_smmuv3', { ste: ['u64', 2] });
/** The field at 24 is `in_data_type` on the way in (a union of the header). */
export const iommu_hw_info = layout('iommu_hw_info', {
  size: 'u32',
  flags: 'u32',
  dev_id: 'u32',
  data_len: 'u32',
  data_uptr: 'u64',
  out_data_type: 'u32',
  out_max_pasid_log2: 'u8',
  __reserved: ['u8', 3],
  out_capabilities: 'u64',
});
export const iommu_hw_info_vtd = layout('iommu_hw_info_vtd', {
  flags: 'u32',
  __reserved: 'u32',
  cap_reg: 'u64',
  ecap_reg: 'u64',
});
export const iommu_hw_info_arm_smmuv3 = layout('iommu_hw_info_arm_smmuv3', {
  flags: 'u32',
  __reserved: 'u32',
  idr: ['u32', 6],
  iidr: 'u32',
  aidr: 'u32',
});
export const iommu_hwpt_set_dirty_tracking = layout('iommu_hwpt_set_dirty_tracking', {
  size: 'u32',
  flags: 'u32',
  hwpt_id: 'u32',
  __reserved: 'u32',
});
export const iommu_hwpt_get_dirty_bitmap = layout('iommu_hwpt_get_dirty_bitmap', {
  size: 'u32',
  hwpt_id: 'u32',
  flags: 'u32',
  __reserved: 'u32',
  iova: 'u64',
  length: 'u64',
  page_size: 'u64',
  data: 'u64',
});
export const iommu_hwpt_invalidate = layout('iommu_hwpt_invalidate', {
  size: 'u32',
  hwpt_id: 'u32',
  data_uptr: 'u64',
  data_type: 'u32',
  entry_len: 'u32',
  entry_num: 'u32',
  __reserved: 'u32',
});
export const iommu_hwpt_vtd_s1_invalidate = layout('iommu_hwpt_vtd_s1_invalidate', {
  addr: 'u64',
  npages: 'u64',
  flags: 'u32',
  __reserved: 'u32',
});
export const iommu_viommu_arm_smmuv3_invalidate = layout('iommu_viommu_arm_smmuv3_invalidate', { cmd: ['u64', 2] });
export const iommu_hwpt_pgfault = layout('iommu_hwpt_pgfault', {
  flags: 'u32',
  dev_id: 'u32',
  pasid: 'u32',
  grpid: 'u32',
  perm: 'u32',
  __reserved: 'u32',
  addr: 'u64',
  length: 'u32',
  cookie: 'u32',
});
export const iommu_hwpt_page_response = layout('iommu_hwpt_page_response', { cookie: 'u32', code: 'u32' });
export const iommu_fault_alloc = layout('iommu_fault_alloc', {
  size: 'u32',
  flags: 'u32',
  out_fault_id: 'u32',
  out_fault_fd: 'u32',
});
export const iommu_viommu_alloc = layout('iommu_viommu_alloc', {
  size: 'u32',
  flags: 'u32',
  type: 'u32',
  dev_id: 'u32',
  hwpt_id: 'u32',
  out_viommu_id: 'u32',
  data_len: 'u32',
  __reserved: 'u32',
  data_uptr: 'u64',
});
export const iommu_vdevice_alloc = layout('iommu_vdevice_alloc', {
  size: 'u32',
  viommu_id: 'u32',
  dev_id: 'u32',
  out_vdevice_id: 'u32',
  virt_id: 'u64',
});
export const iommufd_vevent_header = layout('iommufd_vevent_header', { flags: 'u32', sequence: 'u32' });
export const iommu_vevent_arm_smmuv3 = layout('iommu_vevent_arm_smmuv3', { evt: ['u64', 4] });
export const iommu_veventq_alloc = layout('iommu_veventq_alloc', {
  size: 'u32',
  flags: 'u32',
  viommu_id: 'u32',
  type: 'u32',
  veventq_depth: 'u32',
  out_veventq_id: 'u32',
  out_veventq_fd: 'u32',
  __reserved: 'u32',
});
export const iommu_hw_queue_alloc = layout('iommu_hw_queue_alloc', {
  size: 'u32',
  flags: 'u32',
  viommu_id: 'u32',
  type: 'u32',
  index: 'u32',
  out_hw_queue_id: 'u32',
  nesting_parent_iova: 'u64',
  length: 'u64',
});

/** The struct of each ioctl, under the request's name in the header. */
export const IOMMUFD_STRUCTS: Readonly<Record<keyof typeof IOMMU, Layout>> = {
  DESTROY: iommu_destroy,
  IOAS_ALLOC: iommu_ioas_alloc,
  IOAS_ALLOW_IOVAS: iommu_ioas_allow_iovas,
  IOAS_COPY: iommu_ioas_copy,
  IOAS_IOVA_RANGES: iommu_ioas_iova_ranges,
  IOAS_MAP: iommu_ioas_map,
  IOAS_UNMAP: iommu_ioas_unmap,
  OPTION: iommu_option,
  VFIO_IOAS: iommu_vfio_ioas,
  HWPT_ALLOC: iommu_hwpt_alloc,
  GET_HW_INFO: iommu_hw_info,
  HWPT_SET_DIRTY_TRACKING: iommu_hwpt_set_dirty_tracking,
  HWPT_GET_DIRTY_BITMAP: iommu_hwpt_get_dirty_bitmap,
  HWPT_INVALIDATE: iommu_hwpt_invalidate,
  FAULT_QUEUE_ALLOC: iommu_fault_alloc,
  IOAS_MAP_FILE: iommu_ioas_map_file,
  VIOMMU_ALLOC: iommu_viommu_alloc,
  VDEVICE_ALLOC: iommu_vdevice_alloc,
  IOAS_CHANGE_PROCESS: iommu_ioas_change_process,
  VEVENTQ_ALLOC: iommu_veventq_alloc,
  HW_QUEUE_ALLOC: iommu_hw_queue_alloc,
  IOAS_NOIOMMU_GET_PA: iommu_ioas_noiommu_get_pa,
};
