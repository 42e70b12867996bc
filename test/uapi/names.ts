/** Under which names the headers have the constants of this project. */
import type { Header } from './measured.ts';

/** `*` stands for the key of a constant in its group; `except` names those that do not follow the pattern. */
export interface Naming {
  readonly name: string;
  readonly except?: Readonly<Record<string, string>>;
}

/** The header behind each file of tables. */
export const HEADERS: Readonly<Record<string, Header>> = {
  'vfio.ts': 'linux/vfio.h',
  'iommufd.ts': 'linux/iommufd.h',
  'registers.ts': 'linux/pci_regs.h',
};

const named = (name: string, except: Readonly<Record<string, string>> = {}): Naming => ({ name, except });

/** By file and export. */
export const NAMES: Readonly<Record<string, Readonly<Record<string, Naming>>>> = {
  'vfio.ts': {
    VFIO: named('VFIO_*'),
    EXTENSION: named('VFIO_*', { TYPE1_NESTING_IOMMU: '__VFIO_RESERVED_TYPE1_NESTING_IOMMU' }),
    GROUP_FLAGS: named('VFIO_GROUP_FLAGS_*'),
    DEVICE_FLAGS: named('VFIO_DEVICE_FLAGS_*'),
    REGION_INFO_FLAG: named('VFIO_REGION_INFO_FLAG_*'),
    IRQ_INFO: named('VFIO_IRQ_INFO_*'),
    IRQ_SET: named('VFIO_IRQ_SET_*'),
    PCI_REGION: named('VFIO_PCI_*_REGION_INDEX', { NUM: 'VFIO_PCI_NUM_REGIONS' }),
    PCI_IRQ: named('VFIO_PCI_*_IRQ_INDEX', { NUM: 'VFIO_PCI_NUM_IRQS' }),
    INFO_CAP: named('VFIO_*', {
      REGION_SPARSE_MMAP: 'VFIO_REGION_INFO_CAP_SPARSE_MMAP',
      REGION_TYPE: 'VFIO_REGION_INFO_CAP_TYPE',
      REGION_MSIX_MAPPABLE: 'VFIO_REGION_INFO_CAP_MSIX_MAPPABLE',
      DEVICE_PCI_ATOMIC_COMP: 'VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP',
      TYPE1_IOVA_RANGE: 'VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE',
      TYPE1_MIGRATION: 'VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION',
      TYPE1_DMA_AVAIL: 'VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL',
    }),
    HOT_RESET_FLAG: named('VFIO_PCI_HOT_RESET_FLAG_*'),
    DEVID: named('VFIO_PCI_DEVID_*'),
    IOEVENTFD: named('VFIO_DEVICE_IOEVENTFD_*', {
      X8: 'VFIO_DEVICE_IOEVENTFD_8',
      X16: 'VFIO_DEVICE_IOEVENTFD_16',
      X32: 'VFIO_DEVICE_IOEVENTFD_32',
      X64: 'VFIO_DEVICE_IOEVENTFD_64',
    }),
    FEATURE_FLAG: named('VFIO_DEVICE_FEATURE_*'),
    FEATURE: named('VFIO_DEVICE_FEATURE_*'),
    MIG_STATE: named('VFIO_DEVICE_STATE_*'),
    MIG_STATE_NR: named('VFIO_DEVICE_STATE_NR'),
    MIGRATION: named('VFIO_MIGRATION_*'),
    PRECOPY_INFO_REINIT: named('VFIO_PRECOPY_INFO_REINIT'),
    IOMMU_INFO: named('VFIO_IOMMU_INFO_*'),
    DMA_MAP_FLAG: named('VFIO_DMA_MAP_FLAG_*'),
    DMA_UNMAP_FLAG: named('VFIO_DMA_UNMAP_FLAG_*'),
    DIRTY_PAGES_FLAG: named('VFIO_IOMMU_DIRTY_PAGES_FLAG_*'),
    BIND_FLAG: named('VFIO_DEVICE_BIND_FLAG_*'),
    ATTACH_FLAG: named('VFIO_DEVICE_ATTACH_*'),
  },
  'iommufd.ts': {
    IOMMU: named('IOMMU_*'),
    IOMMUFD_CMD_BASE: named('IOMMUFD_CMD_BASE'),
    IOAS_MAP_FLAG: named('IOMMU_IOAS_MAP_*'),
    OPTION: named('IOMMU_OPTION_*'),
    OPTION_OP: named('IOMMU_OPTION_OP_*'),
    VFIO_IOAS_OP: named('IOMMU_VFIO_IOAS_*'),
    HWPT_ALLOC_FLAG: named('IOMMU_HWPT_ALLOC_*', { FAULT_ID_VALID: 'IOMMU_HWPT_FAULT_ID_VALID' }),
    HWPT_DATA: named('IOMMU_HWPT_DATA_*'),
    VTD_S1_FLAG: named('IOMMU_VTD_S1_*'),
    HW_INFO_TYPE: named('IOMMU_HW_INFO_TYPE_*'),
    HW_INFO_VTD_FLAG: named('IOMMU_HW_INFO_VTD_*'),
    HW_INFO_FLAG: named('IOMMU_HW_INFO_FLAG_*'),
    HW_CAP: named('IOMMU_HW_CAP_*'),
    DIRTY_TRACKING_FLAG: named('IOMMU_HWPT_DIRTY_TRACKING_*'),
    DIRTY_BITMAP_FLAG: named('IOMMU_HWPT_GET_DIRTY_BITMAP_*'),
    HWPT_INVALIDATE_DATA: named('IOMMU_HWPT_INVALIDATE_DATA_*', {
      VIOMMU_ARM_SMMUV3: 'IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3',
    }),
    PGFAULT_FLAG: named('IOMMU_PGFAULT_FLAGS_*'),
    PGFAULT_PERM: named('IOMMU_PGFAULT_PERM_*'),
    PAGE_RESP: named('IOMMUFD_PAGE_RESP_*'),
    VIOMMU_TYPE: named('IOMMU_VIOMMU_TYPE_*'),
    VEVENTQ_TYPE: named('IOMMU_VEVENTQ_TYPE_*'),
    VEVENTQ_FLAG: named('IOMMU_VEVENTQ_FLAG_*'),
    HW_QUEUE_TYPE: named('IOMMU_HW_QUEUE_TYPE_*'),
  },
  'registers.ts': {
    PCI: named('PCI_*'),
    COMMAND: named('PCI_COMMAND_*'),
    STATUS: named('PCI_STATUS_*'),
    HEADER_TYPE: named('PCI_HEADER_TYPE_*'),
    BRIDGE: named('PCI_*'),
    BAR: named('PCI_BASE_ADDRESS_MEM_*', {
      IO: 'PCI_BASE_ADDRESS_SPACE_IO',
      MEM_64: 'PCI_BASE_ADDRESS_MEM_TYPE_64',
    }),
    ROM_ADDRESS_ENABLE: named('PCI_ROM_ADDRESS_ENABLE'),
    CAP_LIST: named('PCI_CAP_LIST_*'),
    CAP: named('PCI_CAP_ID_*'),
    CAP_ID_MAX: named('PCI_CAP_ID_MAX'),
    EXT_CAP: named('PCI_EXT_CAP_ID_*'),
    EXT_CAP_ID_MAX: named('PCI_EXT_CAP_ID_MAX'),
    VPD_ADDR_MASK: named('PCI_VPD_ADDR_MASK'),
    VPD: named('PCI_VPD_*', { SIZEOF: 'PCI_CAP_VPD_SIZEOF' }),
    VPD_ADDR_F: named('PCI_VPD_ADDR_F'),
    PM: named('PCI_PM_*'),
    PM_CAP: named('PCI_PM_CAP_*'),
    PM_CTRL: named('PCI_PM_CTRL_*'),
    MSI: named('PCI_MSI_*'),
    MSI_FLAGS: named('PCI_MSI_FLAGS_*', { X64BIT: 'PCI_MSI_FLAGS_64BIT' }),
    MSIX: named('PCI_MSIX_*', { SIZEOF: 'PCI_CAP_MSIX_SIZEOF' }),
    MSIX_FLAGS: named('PCI_MSIX_FLAGS_*'),
    MSIX_ENTRY: named('PCI_MSIX_ENTRY_*', {
      ADDR_LO: 'PCI_MSIX_ENTRY_LOWER_ADDR',
      ADDR_HI: 'PCI_MSIX_ENTRY_UPPER_ADDR',
      CTRL: 'PCI_MSIX_ENTRY_VECTOR_CTRL',
    }),
    MSIX_ENTRY_CTRL_MASKBIT: named('PCI_MSIX_ENTRY_CTRL_MASKBIT'),
    EXP: named('PCI_EXP_*'),
    EXP_TYPE: named('PCI_EXP_TYPE_*'),
    DEVCAP_FLR: named('PCI_EXP_DEVCAP_FLR'),
    DEVCTL: named('PCI_EXP_DEVCTL_*'),
    AF: named('PCI_AF_*', { SIZEOF: 'PCI_CAP_AF_SIZEOF' }),
    AF_CAP: named('PCI_AF_CAP_*'),
    AF_CTRL_FLR: named('PCI_AF_CTRL_FLR'),
    SRIOV: named('PCI_SRIOV_*', { SIZEOF: 'PCI_EXT_CAP_SRIOV_SIZEOF' }),
    DEVCAP2_ATOMIC: named('PCI_EXP_DEVCAP2_ATOMIC_*'),
    DEVCTL2_ATOMIC_REQ: named('PCI_EXP_DEVCTL2_ATOMIC_REQ'),
    SRIOV_CAP_VFM: named('PCI_SRIOV_CAP_VFM'),
    SRIOV_CTRL: named('PCI_SRIOV_CTRL_*'),
    ATS: named('PCI_ATS_*'),
    ATS_CTRL: named('PCI_ATS_CTRL_*'),
    PRI: named('PCI_PRI_*'),
    PRI_CTRL: named('PCI_PRI_CTRL_*'),
    PASID: named('PCI_PASID_*'),
    PASID_CTRL: named('PCI_PASID_CTRL_*'),
    ACS: named('PCI_ACS_*'),
    ACS_BITS: named('PCI_ACS_*'),
    AER: named('PCI_ERR_*'),
    AER_REGISTERS: named('PCI_ERR_*', {
      0: 'PCI_ERR_UNCOR_MASK',
      1: 'PCI_ERR_UNCOR_SEVER',
      2: 'PCI_ERR_COR_MASK',
      3: 'PCI_ERR_CAP',
    }),
  },
};

/** The header's name of `key` in a group. */
export function constantName(naming: Naming | undefined, key: string): string | undefined {
  return naming?.except?.[key] ?? naming?.name.replace('*', key);
}

/** Layouts that the headers have no struct for. */
export const UNNAMED: Readonly<Record<string, string>> = {
  file_descriptor: 'an element of arrays, and the argument of VFIO_GROUP_SET_CONTAINER',
  boolean_byte: 'an element of the data of struct vfio_irq_set',
  uuid: 'what VFIO_DEVICE_FEATURE_PCI_VF_TOKEN carries is said in words only',
};

/** Structs that are not laid out here, and why. */
export const NOT_LAID_OUT: Readonly<Record<string, readonly string[]>> = {
  'display of mediated graphics devices': ['vfio_region_gfx_edid', 'vfio_device_gfx_plane_info'],
  'NVLink, whose driver is gone': ['vfio_region_info_cap_nvlink2_ssatgt', 'vfio_region_info_cap_nvlink2_lnkspd'],
  'migration v1, which no driver of the kernel had': ['vfio_device_migration_info'],
  'an element of a list that nothing here reads or writes': ['vfio_region_sparse_mmap_area'],
  'the IOMMU of POWER machines': [
    'vfio_iommu_spapr_tce_ddw_info',
    'vfio_iommu_spapr_tce_info',
    'vfio_eeh_pe_err',
    'vfio_eeh_pe_op',
    'vfio_iommu_spapr_register_memory',
    'vfio_iommu_spapr_tce_create',
    'vfio_iommu_spapr_tce_remove',
  ],
  'IOMMUs of AMD and of Tegra': [
    'iommu_hwpt_amd_guest',
    'iommu_hw_info_tegra241_cmdqv',
    'iommu_hw_info_amd',
    'iommu_viommu_tegra241_cmdqv',
    'iommu_vevent_tegra241_cmdqv',
  ],
};
