/** What the numbers in structs are called in the headers: flags bit by bit, indices and types as a whole. */
import * as iommufd from '../uapi/iommufd.ts';
import * as vfio from '../uapi/vfio.ts';

/** Names by value: `bits` of a set, `values` of one choice, or a choice in the bits of `mask` beside a set. */
export interface Naming {
  readonly bits?: Numbers;
  readonly values?: Numbers;
  readonly mask?: number;
}

type Numbers = ReadonlyMap<number, string>;

function named(prefix: string, table: Readonly<Record<string, number>>, suffix = ''): Numbers {
  return new Map(Object.entries(table).map(([name, value]) => [value, `${prefix}${name}${suffix}`]));
}

const bits = (prefix: string, table: Readonly<Record<string, number>>): Naming => ({ bits: named(prefix, table) });
const values = (prefix: string, table: Readonly<Record<string, number>>, suffix?: string): Naming => ({
  values: named(prefix, table, suffix),
});

const { MASK, ...FEATURE_BITS } = vfio.FEATURE_FLAG;
const { NUM: _regions, ...REGIONS } = vfio.PCI_REGION;
const { NUM: _irqs, ...IRQS } = vfio.PCI_IRQ;
const BARS = { BAR1: 1, BAR2: 2, BAR3: 3, BAR4: 4 };
const { DATA_TYPE_MASK: _data, ACTION_TYPE_MASK: _action, ...IRQ_SET } = vfio.IRQ_SET;
const { INFO_CAP } = vfio;

const REGION_INDEX = values('VFIO_PCI_', { ...REGIONS, ...BARS }, '_REGION_INDEX');
const IRQ_INDEX = values('VFIO_PCI_', IRQS, '_IRQ_INDEX');
const HOT_RESET_FLAGS = { DEV_ID: 1, DEV_ID_OWNED: 2 };
const IOAS_MAP = bits('IOMMU_IOAS_MAP_', iommufd.IOAS_MAP_FLAG);
const HWPT_FLAG = iommufd.HWPT_ALLOC_FLAG;
const VIOMMU_TYPE = values('IOMMU_VIOMMU_TYPE_', iommufd.VIOMMU_TYPE);

/** By `struct.field`; headers of capabilities by the family of the chain. */
const NAMINGS: Readonly<Record<string, Naming>> = {
  'vfio_group_status.flags': bits('VFIO_GROUP_FLAGS_', vfio.GROUP_FLAGS),
  'vfio_device_info.flags': bits('VFIO_DEVICE_FLAGS_', vfio.DEVICE_FLAGS),
  'vfio_region_info.flags': bits('VFIO_REGION_INFO_FLAG_', vfio.REGION_INFO_FLAG),
  'vfio_region_info.index': REGION_INDEX,
  'vfio_irq_info.flags': bits('VFIO_IRQ_INFO_', vfio.IRQ_INFO),
  'vfio_irq_info.index': IRQ_INDEX,
  'vfio_irq_set.flags': bits('VFIO_IRQ_SET_', IRQ_SET),
  'vfio_irq_set.index': IRQ_INDEX,
  'vfio_pci_hot_reset_info.flags': bits('VFIO_PCI_HOT_RESET_FLAG_', HOT_RESET_FLAGS),
  'vfio_device_ioeventfd.flags': bits('VFIO_DEVICE_IOEVENTFD_', { '8': 1, '16': 2, '32': 4, '64': 8 }),
  'vfio_device_feature.flags': {
    bits: named('VFIO_DEVICE_FEATURE_', FEATURE_BITS),
    values: named('VFIO_DEVICE_FEATURE_', vfio.FEATURE),
    mask: MASK,
  },
  'vfio_device_feature_migration.flags': bits('VFIO_MIGRATION_', vfio.MIGRATION),
  'vfio_device_feature_mig_state.device_state': values('VFIO_DEVICE_STATE_', vfio.MIG_STATE),
  'vfio_device_feature_dma_buf.region_index': REGION_INDEX,
  'vfio_precopy_info.flags': bits('VFIO_PRECOPY_INFO_', { REINIT: vfio.PRECOPY_INFO_REINIT }),
  'vfio_device_bind_iommufd.flags': bits('VFIO_DEVICE_BIND_FLAG_', vfio.BIND_FLAG),
  'vfio_device_attach_iommufd_pt.flags': bits('VFIO_DEVICE_ATTACH_', vfio.ATTACH_FLAG),
  'vfio_device_detach_iommufd_pt.flags': bits('VFIO_DEVICE_DETACH_', vfio.ATTACH_FLAG),
  'vfio_iommu_type1_info.flags': bits('VFIO_IOMMU_INFO_', vfio.IOMMU_INFO),
  'vfio_iommu_type1_dma_map.flags': bits('VFIO_DMA_MAP_FLAG_', vfio.DMA_MAP_FLAG),
  'vfio_iommu_type1_dma_unmap.flags': bits('VFIO_DMA_UNMAP_FLAG_', vfio.DMA_UNMAP_FLAG),
  'vfio_iommu_type1_dirty_bitmap.flags': bits('VFIO_IOMMU_DIRTY_PAGES_FLAG_', vfio.DIRTY_PAGES_FLAG),
  'region.id': values('VFIO_REGION_INFO_CAP_', {
    SPARSE_MMAP: INFO_CAP.REGION_SPARSE_MMAP,
    TYPE: INFO_CAP.REGION_TYPE,
    MSIX_MAPPABLE: INFO_CAP.REGION_MSIX_MAPPABLE,
  }),
  'iommu.id': values('VFIO_IOMMU_TYPE1_INFO_', {
    CAP_IOVA_RANGE: INFO_CAP.TYPE1_IOVA_RANGE,
    CAP_MIGRATION: INFO_CAP.TYPE1_MIGRATION,
    DMA_AVAIL: INFO_CAP.TYPE1_DMA_AVAIL,
  }),
  'device.id': values('VFIO_DEVICE_INFO_CAP_', { PCI_ATOMIC_COMP: INFO_CAP.DEVICE_PCI_ATOMIC_COMP }),
  'vfio_device_info_cap_pci_atomic_comp.flags': bits('VFIO_PCI_ATOMIC_', { COMP32: 1, COMP64: 2, COMP128: 4 }),
  'iommu_ioas_map.flags': IOAS_MAP,
  'iommu_ioas_map_file.flags': IOAS_MAP,
  'iommu_ioas_copy.flags': IOAS_MAP,
  'iommu_option.option_id': values('IOMMU_OPTION_', iommufd.OPTION),
  'iommu_option.op': values('IOMMU_OPTION_OP_', iommufd.OPTION_OP),
  'iommu_vfio_ioas.op': values('IOMMU_VFIO_IOAS_', iommufd.VFIO_IOAS_OP),
  'iommu_hwpt_alloc.flags': bits('IOMMU_HWPT_', {
    ALLOC_NEST_PARENT: HWPT_FLAG.NEST_PARENT,
    ALLOC_DIRTY_TRACKING: HWPT_FLAG.DIRTY_TRACKING,
    FAULT_ID_VALID: HWPT_FLAG.FAULT_ID_VALID,
    ALLOC_PASID: HWPT_FLAG.PASID,
  }),
  'iommu_hwpt_alloc.data_type': values('IOMMU_HWPT_DATA_', iommufd.HWPT_DATA),
  'iommu_hw_info.flags': bits('IOMMU_HW_INFO_FLAG_', iommufd.HW_INFO_FLAG),
  'iommu_hw_info.out_data_type': values('IOMMU_HW_INFO_TYPE_', iommufd.HW_INFO_TYPE),
  'iommu_hw_info.out_capabilities': bits('IOMMU_HW_CAP_', iommufd.HW_CAP),
  'iommu_hwpt_set_dirty_tracking.flags': bits('IOMMU_HWPT_DIRTY_TRACKING_', iommufd.DIRTY_TRACKING_FLAG),
  'iommu_hwpt_get_dirty_bitmap.flags': bits('IOMMU_HWPT_GET_DIRTY_BITMAP_', iommufd.DIRTY_BITMAP_FLAG),
  'iommu_hwpt_invalidate.data_type': values('IOMMU_HWPT_INVALIDATE_DATA_', { VTD_S1: 0 }),
  'iommu_viommu_alloc.type': VIOMMU_TYPE,
  'iommu_veventq_alloc.type': values('IOMMU_VEVENTQ_TYPE_', iommufd.VEVENTQ_TYPE),
  'iommu_hw_queue_alloc.type': values('IOMMU_HW_QUEUE_TYPE_', iommufd.HW_QUEUE_TYPE),
};

const { TYPE1_NESTING_IOMMU, ...EXTENSIONS } = vfio.EXTENSION;
const EXTENSION: Naming = {
  values: new Map([...named('VFIO_', EXTENSIONS), [TYPE1_NESTING_IOMMU, '__VFIO_RESERVED_TYPE1_NESTING_IOMMU']]),
};

/** The argument of requests that take a plain number. */
export const ARGUMENTS: Readonly<Record<number, Naming>> = {
  [vfio.VFIO.CHECK_EXTENSION]: EXTENSION,
  [vfio.VFIO.SET_IOMMU]: EXTENSION,
};

/** Bits of poll(2) (include/uapi/asm-generic/poll.h). */
export const POLL_BITS: Naming = bits('POLL', { IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 0x10, NVAL: 0x20 });

/** The names of `value` in a field, joined as C would write it; undefined: there are none, or not for all of it. */
export function namesOf(naming: Naming, value: number): string | undefined {
  const { bits: set, values: choice, mask } = naming;
  if (set === undefined) return choice?.get(value);
  const found: string[] = [];
  let rest = value;
  for (const [bit, name] of set)
    if (Math.floor(rest / bit) % 2 === 1) {
      rest -= bit;
      found.push(name);
    }
  if (mask !== undefined) {
    const chosen = choice?.get(rest % (mask + 1));
    if (chosen !== undefined) found.push(chosen);
    rest -= chosen === undefined ? 0 : rest % (mask + 1);
  }
  if (rest !== 0) found.push(`0x${rest.toString(16)}`);
  return found.length === 0 || (found.length === 1 && rest === value) ? undefined : found.join('|');
}

/** How the numbers of a field are named. */
export function namingOf(struct: string, field: string): Naming | undefined {
  return NAMINGS[`${struct}.${field}`];
}
