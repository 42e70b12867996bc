/** All kinds of steps. */
import { ACCESS } from './access.ts';
import { BAR_WORDS } from './bar-words.ts';
import { BENCH_DMA } from './bench-dma.ts';
import { BENCH_PROCESS } from './bench-process.ts';
import { BESIDE } from './beside.ts';
import { BESIDE_RESET } from './beside-reset.ts';
import { CONFIG } from './config.ts';
import { DMA } from './dma.ts';
import { DMA_BUF_OPERATIONS } from './dma-buf.ts';
import { FAILING } from './failing.ts';
import { FAILURE } from './failure.ts';
import { FEATURE_ODD } from './feature-odd.ts';
import { FILE_ODD } from './file-odd.ts';
import { HOT_RESET } from './hot-reset.ts';
import { INFO_ODD } from './info-odd.ts';
import { INTERRUPT } from './interrupt.ts';
import { IOEVENTFD_OPERATIONS } from './ioeventfd.ts';
import { IOMMUFD_DEVICE } from './iommufd-device.ts';
import { IOMMUFD_FAULTS } from './iommufd-faults.ts';
import { IOMMUFD_HWPT } from './iommufd-hwpt.ts';
import { IOMMUFD_MAP } from './iommufd-map.ts';
import { IOMMUFD_NESTED } from './iommufd-nested.ts';
import { IOMMUFD_ODD } from './iommufd-odd.ts';
import { IOMMUFD_PASID } from './iommufd-pasid.ts';
import { IOMMUFD_QUEUES } from './iommufd-queues.ts';
import { IOMMUFD_SCENES } from './iommufd-scenes.ts';
import { IOMMUFD_SPACE } from './iommufd-space.ts';
import { IOMMUFD_UNMAP } from './iommufd-unmap.ts';
import { IOMMUFD_VIOMMU } from './iommufd-viommu.ts';
import { LIFECYCLE } from './lifecycle.ts';
import { LINE } from './line.ts';
import { LOAD } from './load.ts';
import { LOG_ODD } from './log-odd.ts';
import { LOG_ROUND } from './log-round.ts';
import { LOGGING } from './logging.ts';
import { LOW_POWER } from './low-power.ts';
import { MEET } from './meet.ts';
import { MESSAGE_TABLE } from './message-table.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import type { Operation } from './operation.ts';
import { OWNERSHIP } from './ownership.ts';
import { PCI_EVENTS } from './pci-events.ts';
import { PCI_FEATURE_ODD } from './pci-feature-odd.ts';
import { PCI_IRQS } from './pci-irqs.ts';
import { PCI_REGIONS } from './pci-regions.ts';
import { POLL_FILE } from './poll-file.ts';
import { ROUND_TRIP } from './round-trip.ts';
import { SERIAL } from './serial.ts';
import { SHORT_OF_MEMORY } from './short-of-memory.ts';
import { STREAM } from './stream.ts';
import { TOKENS } from './tokens.ts';
import { TYPE1_DIRTY } from './type1-dirty.ts';
import { TYPE1_GROUPS } from './type1-groups.ts';
import { TYPE1_INFO } from './type1-info.ts';
import { TYPE1_MAP } from './type1-map.ts';
import { TYPE1_PINNED } from './type1-pinned.ts';
import { TYPE1_REJOIN } from './type1-rejoin.ts';
import { VITAL_DATA } from './vital-data.ts';

export const OPERATIONS: readonly Operation[] = [
  ...ACCESS,
  ...DMA,
  ...INTERRUPT,
  ...LIFECYCLE,
  ...MIGRATION_OPERATIONS,
  ...STREAM,
  ...ROUND_TRIP,
  ...LOGGING,
  ...FAILURE,
  ...SERIAL,
  ...LINE,
  ...LOAD,
  ...CONFIG,
  ...PCI_IRQS,
  ...PCI_EVENTS,
  ...PCI_REGIONS,
  ...HOT_RESET,
  ...IOEVENTFD_OPERATIONS,
  ...DMA_BUF_OPERATIONS,
  ...LOW_POWER,
  ...TOKENS,
  ...OWNERSHIP,
  ...INFO_ODD,
  ...FAILING,
  ...BESIDE,
  ...BESIDE_RESET,
  ...SHORT_OF_MEMORY,
  ...LOG_ROUND,
  ...MEET,
  ...MESSAGE_TABLE,
  ...FEATURE_ODD,
  ...FILE_ODD,
  ...LOG_ODD,
  ...POLL_FILE,
  ...TYPE1_MAP,
  ...TYPE1_DIRTY,
  ...TYPE1_INFO,
  ...TYPE1_GROUPS,
  ...TYPE1_REJOIN,
  ...TYPE1_PINNED,
  ...IOMMUFD_MAP,
  ...IOMMUFD_UNMAP,
  ...IOMMUFD_SPACE,
  ...IOMMUFD_DEVICE,
  ...IOMMUFD_HWPT,
  ...IOMMUFD_FAULTS,
  ...IOMMUFD_VIOMMU,
  ...IOMMUFD_QUEUES,
  ...IOMMUFD_ODD,
  ...IOMMUFD_PASID,
  ...IOMMUFD_NESTED,
  ...IOMMUFD_SCENES,
  ...BENCH_DMA,
  ...BENCH_PROCESS,
  ...BAR_WORDS,
  ...VITAL_DATA,
  ...PCI_FEATURE_ODD,
];

/** By name, as counterexample files refer to them. */
export const OPERATION_BY_NAME: ReadonlyMap<string, Operation> = new Map(OPERATIONS.map((op) => [op.name, op]));

export type { Args, Operation } from './operation.ts';
