/** Constants and structs of include/uapi/linux/vfio.h (Linux 7.3), under the header's own names. */
import { layout } from './layout.ts';

const TYPE = 0x3b;
const BASE = 100;
/** `_IO(';', 100 + n)`: VFIO ioctl numbers carry neither size nor direction. */
const io = (n: number): number => (TYPE << 8) | (BASE + n);

/** ioctl numbers; those of the container and of the device fd overlap on purpose (n = 12, 13, 14, 16, 17). */
export const VFIO = {
  GET_API_VERSION: io(0),
  CHECK_EXTENSION: io(1),
  SET_IOMMU: io(2),
  GROUP_GET_STATUS: io(3),
  GROUP_SET_CONTAINER: io(4),
  GROUP_UNSET_CONTAINER: io(5),
  GROUP_GET_DEVICE_FD: io(6),
  DEVICE_GET_INFO: io(7),
  DEVICE_GET_REGION_INFO: io(8),
  DEVICE_GET_IRQ_INFO: io(9),
  DEVICE_SET_IRQS: io(10),
  DEVICE_RESET: io(11),
  DEVICE_GET_PCI_HOT_RESET_INFO: io(12),
  DEVICE_PCI_HOT_RESET: io(13),
  DEVICE_QUERY_GFX_PLANE: io(14),
  DEVICE_GET_GFX_DMABUF: io(15),
  DEVICE_IOEVENTFD: io(16),
  DEVICE_FEATURE: io(17),
  DEVICE_BIND_IOMMUFD: io(18),
  DEVICE_ATTACH_IOMMUFD_PT: io(19),
  DEVICE_DETACH_IOMMUFD_PT: io(20),
  MIG_GET_PRECOPY_INFO: io(21),
  IOMMU_GET_INFO: io(12),
  IOMMU_MAP_DMA: io(13),
  IOMMU_UNMAP_DMA: io(14),
  IOMMU_ENABLE: io(15),
  IOMMU_DISABLE: io(16),
  IOMMU_DIRTY_PAGES: io(17),
} as const;

/** Extension and IOMMU type numbers (VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU). */
export const EXTENSION = {
  TYPE1_IOMMU: 1,
  SPAPR_TCE_IOMMU: 2,
  TYPE1v2_IOMMU: 3,
  DMA_CC_IOMMU: 4,
  EEH: 5,
  TYPE1_NESTING_IOMMU: 6,
  SPAPR_TCE_v2_IOMMU: 7,
  NOIOMMU_IOMMU: 8,
  UNMAP_ALL: 9,
  UPDATE_VADDR: 10,
} as const;

export const GROUP_FLAGS = { VIABLE: 1, CONTAINER_SET: 2 } as const;
export const DEVICE_FLAGS = { RESET: 1, PCI: 2, CAPS: 0x80 } as const;
export const REGION_INFO_FLAG = { READ: 1, WRITE: 2, MMAP: 4, CAPS: 8 } as const;
export const IRQ_INFO = { EVENTFD: 1, MASKABLE: 2, AUTOMASKED: 4, NORESIZE: 8 } as const;
export const IRQ_SET = {
  DATA_NONE: 1,
  DATA_BOOL: 2,
  DATA_EVENTFD: 4,
  ACTION_MASK: 8,
  ACTION_UNMASK: 0x10,
  ACTION_TRIGGER: 0x20,
  DATA_TYPE_MASK: 7,
  ACTION_TYPE_MASK: 0x38,
} as const;

/** Region indices of vfio-pci. */
export const PCI_REGION = { BAR0: 0, BAR5: 5, ROM: 6, CONFIG: 7, VGA: 8, NUM: 9 } as const;
/** Interrupt indices of vfio-pci. */
export const PCI_IRQ = { INTX: 0, MSI: 1, MSIX: 2, ERR: 3, REQ: 4, NUM: 5 } as const;
/** Ids of capabilities in info ioctl chains. */
export const INFO_CAP = {
  REGION_SPARSE_MMAP: 1,
  REGION_TYPE: 2,
  REGION_MSIX_MAPPABLE: 3,
  DEVICE_PCI_ATOMIC_COMP: 5,
  TYPE1_IOVA_RANGE: 1,
  TYPE1_MIGRATION: 2,
  TYPE1_DMA_AVAIL: 3,
} as const;

/** Flags of hot reset information: the ids are iommufd's, and all of them are the caller's. */
export const HOT_RESET_FLAG = { DEV_ID: 1, DEV_ID_OWNED: 2 } as const;
/** What stands in the place of a device id that is not the caller's. */
export const DEVID = { OWNED: 0, NOT_OWNED: -1 } as const;
/** Flags of DEVICE_IOEVENTFD: each is the width in bytes of the write. */
export const IOEVENTFD = { X8: 1, X16: 2, X32: 4, X64: 8, SIZE_MASK: 0xf } as const;

/** The flags word of VFIO_DEVICE_FEATURE. */
export const FEATURE_FLAG = { MASK: 0xffff, GET: 0x10000, SET: 0x20000, PROBE: 0x40000 } as const;
/** Feature indices. */
export const FEATURE = {
  PCI_VF_TOKEN: 0,
  MIGRATION: 1,
  MIG_DEVICE_STATE: 2,
  LOW_POWER_ENTRY: 3,
  LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  LOW_POWER_EXIT: 5,
  DMA_LOGGING_START: 6,
  DMA_LOGGING_STOP: 7,
  DMA_LOGGING_REPORT: 8,
  MIG_DATA_SIZE: 9,
  BUS_MASTER: 10,
  DMA_BUF: 11,
  MIG_PRECOPY_INFOv2: 12,
  ZPCI_ERROR: 13,
} as const;

/** enum vfio_device_mig_state. */
export const MIG_STATE = {
  ERROR: 0,
  STOP: 1,
  RUNNING: 2,
  STOP_COPY: 3,
  RESUMING: 4,
  RUNNING_P2P: 5,
  PRE_COPY: 6,
  PRE_COPY_P2P: 7,
} as const;
/** A migration state's number. */
export type MigState = (typeof MIG_STATE)[keyof typeof MIG_STATE];
/** VFIO_DEVICE_STATE_NR. */
export const MIG_STATE_NR = 8;
/** Migration capability flags (VFIO_DEVICE_FEATURE_MIGRATION). */
export const MIGRATION = { STOP_COPY: 1, P2P: 2, PRE_COPY: 4 } as const;
export const PRECOPY_INFO_REINIT = 1;

export const IOMMU_INFO = { PGSIZES: 1, CAPS: 2 } as const;
export const DMA_MAP_FLAG = { READ: 1, WRITE: 2, VADDR: 4 } as const;
export const DMA_UNMAP_FLAG = { GET_DIRTY_BITMAP: 1, ALL: 2, VADDR: 4 } as const;
export const DIRTY_PAGES_FLAG = { START: 1, STOP: 2, GET_BITMAP: 4 } as const;

export const info_cap_header = layout('vfio_info_cap_header', { id: 'u16', version: 'u16', next: 'u32' });
export const group_status = layout('vfio_group_status', { argsz: 'u32', flags: 'u32' });
export const device_info = layout('vfio_device_info', {
  argsz: 'u32',
  flags: 'u32',
  num_regions: 'u32',
  num_irqs: 'u32',
  cap_offset: 'u32',
  pad: 'u32',
});
export const device_info_cap_pci_atomic_comp = layout('vfio_device_info_cap_pci_atomic_comp', {
  header: info_cap_header,
  flags: 'u32',
  reserved: 'u32',
});
export const region_info = layout('vfio_region_info', {
  argsz: 'u32',
  flags: 'u32',
  index: 'u32',
  cap_offset: 'u32',
  size: 'u64',
  offset: 'u64',
});
export const region_info_cap_sparse_mmap = layout('vfio_region_info_cap_sparse_mmap', {
  header: info_cap_header,
  nr_areas: 'u32',
  reserved: 'u32',
});
export const region_info_cap_type = layout('vfio_region_info_cap_type', {
  header: info_cap_header,
  type: 'u32',
  subtype: 'u32',
});
export const irq_info = layout('vfio_irq_info', { argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' });
export const irq_set = layout('vfio_irq_set', {
  argsz: 'u32',
  flags: 'u32',
  index: 'u32',
  start: 'u32',
  count: 'u32',
});
export const pci_dependent_device = layout('vfio_pci_dependent_device', {
  group_id: 'u32',
  segment: 'u16',
  bus: 'u8',
  devfn: 'u8',
});
export const pci_hot_reset_info = layout('vfio_pci_hot_reset_info', { argsz: 'u32', flags: 'u32', count: 'u32' });
export const pci_hot_reset = layout('vfio_pci_hot_reset', { argsz: 'u32', flags: 'u32', count: 'u32' });
export const device_ioeventfd = layout('vfio_device_ioeventfd', {
  argsz: 'u32',
  flags: 'u32',
  offset: 'u64',
  data: 'u64',
  fd: 's32',
  reserved: 'u32',
});
export const device_feature = layout('vfio_device_feature', { argsz: 'u32', flags: 'u32' });
export const device_feature_migration = layout('vfio_device_feature_migration', { flags: 'u64' });
export const device_feature_mig_state = layout('vfio_device_feature_mig_state', {
  device_state: 'u32',
  data_fd: 's32',
});
export const device_feature_mig_data_size = layout('vfio_device_feature_mig_data_size', { stop_copy_length: 'u64' });
export const precopy_info = layout('vfio_precopy_info', {
  argsz: 'u32',
  flags: 'u32',
  initial_bytes: 'u64',
  dirty_bytes: 'u64',
});
export const device_feature_dma_logging_control = layout('vfio_device_feature_dma_logging_control', {
  page_size: 'u64',
  num_ranges: 'u32',
  __reserved: 'u32',
  ranges: 'u64',
});
export const device_feature_dma_logging_range = layout('vfio_device_feature_dma_logging_range', {
  iova: 'u64',
  length: 'u64',
});
export const device_feature_dma_logging_report = layout('vfio_device_feature_dma_logging_report', {
  iova: 'u64',
  length: 'u64',
  page_size: 'u64',
  bitmap: 'u64',
});
export const device_low_power_entry_with_wakeup = layout('vfio_device_low_power_entry_with_wakeup', {
  wakeup_eventfd: 's32',
  reserved: 'u32',
});
export const device_feature_bus_master = layout('vfio_device_feature_bus_master', { op: 'u32' });
export const region_dma_range = layout('vfio_region_dma_range', { offset: 'u64', length: 'u64' });
export const device_feature_dma_buf = layout('vfio_device_feature_dma_buf', {
  region_index: 'u32',
  open_flags: 'u32',
  flags: 'u32',
  nr_ranges: 'u32',
});
export const device_feature_zpci_err = layout('vfio_device_feature_zpci_err', { data: 'u64' });
export const iommu_type1_info = layout('vfio_iommu_type1_info', {
  argsz: 'u32',
  flags: 'u32',
  iova_pgsizes: 'u64',
  cap_offset: 'u32',
  pad: 'u32',
});
export const iova_range = layout('vfio_iova_range', { start: 'u64', end: 'u64' });
export const iommu_type1_info_cap_iova_range = layout('vfio_iommu_type1_info_cap_iova_range', {
  header: info_cap_header,
  nr_iovas: 'u32',
  reserved: 'u32',
});
export const iommu_type1_info_cap_migration = layout('vfio_iommu_type1_info_cap_migration', {
  header: info_cap_header,
  flags: 'u32',
  pgsize_bitmap: 'u64',
  max_dirty_bitmap_size: 'u64',
});
export const iommu_type1_info_dma_avail = layout('vfio_iommu_type1_info_dma_avail', {
  header: info_cap_header,
  avail: 'u32',
});
export const iommu_type1_dma_map = layout('vfio_iommu_type1_dma_map', {
  argsz: 'u32',
  flags: 'u32',
  vaddr: 'u64',
  iova: 'u64',
  size: 'u64',
});
export const iommu_type1_dma_unmap = layout('vfio_iommu_type1_dma_unmap', {
  argsz: 'u32',
  flags: 'u32',
  iova: 'u64',
  size: 'u64',
});
export const bitmap = layout('vfio_bitmap', { pgsize: 'u64', size: 'u64', data: 'u64' });
export const iommu_type1_dirty_bitmap = layout('vfio_iommu_type1_dirty_bitmap', { argsz: 'u32', flags: 'u32' });
export const iommu_type1_dirty_bitmap_get = layout('vfio_iommu_type1_dirty_bitmap_get', {
  iova: 'u64',
  size: 'u64',
  bitmap,
});

/** The token flag of BIND, and the PASID flag of ATTACH and DETACH. */
export const BIND_FLAG = { TOKEN: 1 } as const;
export const ATTACH_FLAG = { PASID: 1 } as const;
export const device_bind_iommufd = layout('vfio_device_bind_iommufd', {
  argsz: 'u32',
  flags: 'u32',
  iommufd: 's32',
  out_devid: 'u32',
  token_uuid_ptr: 'u64',
});
export const device_attach_iommufd_pt = layout('vfio_device_attach_iommufd_pt', {
  argsz: 'u32',
  flags: 'u32',
  pt_id: 'u32',
  pasid: 'u32',
});
export const device_detach_iommufd_pt = layout('vfio_device_detach_iommufd_pt', {
  argsz: 'u32',
  flags: 'u32',
  pasid: 'u32',
});
