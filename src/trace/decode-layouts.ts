/** Which struct an ioctl's argument is, for each kind of file. */
import { IOMMU, IOMMUFD_STRUCTS } from '../uapi/iommufd.ts';
import type { Layout } from '../uapi/layout.ts';
import { file_descriptor, uuid } from '../uapi/unnamed.ts';
import * as vfio from '../uapi/vfio.ts';
import type { HandleKind } from './handles.ts';

const { VFIO, FEATURE } = vfio;

/** Struct of the argument by request number. */
export type LayoutTable = Readonly<Record<number, Layout>>;

const GROUP: LayoutTable = {
  [VFIO.GROUP_GET_STATUS]: vfio.group_status,
  [VFIO.GROUP_SET_CONTAINER]: file_descriptor,
};

const DEVICE: LayoutTable = {
  [VFIO.DEVICE_GET_INFO]: vfio.device_info,
  [VFIO.DEVICE_GET_REGION_INFO]: vfio.region_info,
  [VFIO.DEVICE_GET_IRQ_INFO]: vfio.irq_info,
  [VFIO.DEVICE_SET_IRQS]: vfio.irq_set,
  [VFIO.DEVICE_GET_PCI_HOT_RESET_INFO]: vfio.pci_hot_reset_info,
  [VFIO.DEVICE_PCI_HOT_RESET]: vfio.pci_hot_reset,
  [VFIO.DEVICE_IOEVENTFD]: vfio.device_ioeventfd,
  [VFIO.DEVICE_FEATURE]: vfio.device_feature,
  [VFIO.DEVICE_BIND_IOMMUFD]: vfio.device_bind_iommufd,
  [VFIO.DEVICE_ATTACH_IOMMUFD_PT]: vfio.device_attach_iommufd_pt,
  [VFIO.DEVICE_DETACH_IOMMUFD_PT]: vfio.device_detach_iommufd_pt,
};

const MIGRATION: LayoutTable = { [VFIO.MIG_GET_PRECOPY_INFO]: vfio.precopy_info };

const CONTAINER: LayoutTable = {
  [VFIO.IOMMU_GET_INFO]: vfio.iommu_type1_info,
  [VFIO.IOMMU_MAP_DMA]: vfio.iommu_type1_dma_map,
  [VFIO.IOMMU_UNMAP_DMA]: vfio.iommu_type1_dma_unmap,
  [VFIO.IOMMU_DIRTY_PAGES]: vfio.iommu_type1_dirty_bitmap,
};

/** An iommufd answers the container's requests too (its compatibility layer). */
const IOMMU_FD: LayoutTable = {
  ...CONTAINER,
  ...Object.fromEntries(
    Object.entries(IOMMU).map(([name, number]) => [number, IOMMUFD_STRUCTS[name as keyof typeof IOMMU]]),
  ),
};

const BY_KIND: Partial<Record<HandleKind, LayoutTable>> = {
  group: GROUP,
  device: DEVICE,
  container: CONTAINER,
  iommufd: IOMMU_FD,
  migration: MIGRATION,
};

/** The struct behind a request; a file of unknown kind is taken for whatever first knows the request. */
export function layoutOf(kind: HandleKind | undefined, request: number): Layout | undefined {
  const table = kind === undefined ? undefined : BY_KIND[kind];
  return table === undefined ? { ...IOMMU_FD, ...GROUP, ...DEVICE, ...MIGRATION }[request] : table[request];
}

/** The struct behind the header of VFIO_DEVICE_FEATURE, by feature. */
export const FEATURE_LAYOUTS: LayoutTable = {
  [FEATURE.PCI_VF_TOKEN]: uuid,
  [FEATURE.MIGRATION]: vfio.device_feature_migration,
  [FEATURE.MIG_DEVICE_STATE]: vfio.device_feature_mig_state,
  [FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP]: vfio.device_low_power_entry_with_wakeup,
  [FEATURE.DMA_LOGGING_START]: vfio.device_feature_dma_logging_control,
  [FEATURE.DMA_LOGGING_REPORT]: vfio.device_feature_dma_logging_report,
  [FEATURE.MIG_DATA_SIZE]: vfio.device_feature_mig_data_size,
  [FEATURE.BUS_MASTER]: vfio.device_feature_bus_master,
  [FEATURE.DMA_BUF]: vfio.device_feature_dma_buf,
  [FEATURE.ZPCI_ERROR]: vfio.device_feature_zpci_err,
};

/** The capabilities of region, IOMMU and device information, by id. */
export const CAPABILITY_LAYOUTS: Readonly<Record<'region' | 'iommu' | 'device', LayoutTable>> = {
  region: {
    [vfio.INFO_CAP.REGION_SPARSE_MMAP]: vfio.region_info_cap_sparse_mmap,
    [vfio.INFO_CAP.REGION_TYPE]: vfio.region_info_cap_type,
  },
  iommu: {
    [vfio.INFO_CAP.TYPE1_IOVA_RANGE]: vfio.iommu_type1_info_cap_iova_range,
    [vfio.INFO_CAP.TYPE1_MIGRATION]: vfio.iommu_type1_info_cap_migration,
    [vfio.INFO_CAP.TYPE1_DMA_AVAIL]: vfio.iommu_type1_info_dma_avail,
  },
  device: {
    [vfio.INFO_CAP.DEVICE_PCI_ATOMIC_COMP]: vfio.device_info_cap_pci_atomic_comp,
  },
};
