/** All planted defects. They ship in the test tree only. */
import type { Defect } from './defect.ts';
import { DIRTY_DEFECTS } from './dirty.ts';
import { FAILING_DEFECTS } from './failing.ts';
import { HISTORY_CONFIG_DEFECTS } from './history-config.ts';
import { HISTORY_INTERRUPTS_DEFECTS } from './history-interrupts.ts';
import { HISTORY_IOMMUFD_DEFECTS } from './history-iommufd.ts';
import { HISTORY_MIGRATION_DEFECTS } from './history-migration.ts';
import { HISTORY_QUEUE_DEFECTS } from './history-queues.ts';
import { HISTORY_SESSIONS_DEFECTS } from './history-sessions.ts';
import { HISTORY_TYPE1_DEFECTS } from './history-type1.ts';
import { HISTORY_VFIO_DEFECTS } from './history-vfio.ts';
import { IOMMUFD_DEFECTS } from './iommufd.ts';
import { MORE_IOMMUFD_DEFECTS } from './iommufd-more.ts';
import { IO_PAGES_DEFECTS } from './iommufd-pages.ts';
import { IO_PAGETABLE_DEFECTS } from './iommufd-pagetable.ts';
import { LEFT_OUT } from './left-out.ts';
import { MIGRATION_FILE_DEFECTS } from './migration-files.ts';
import { MORE_MIGRATION_DEFECTS } from './migration-more.ts';
import { MLX5_DEFECTS } from './mlx5.ts';
import { MTTY_DEFECTS } from './mtty.ts';
import { PCI_BESIDE_RESET_DEFECTS } from './pci-beside-reset.ts';
import { PCI_CONFIG_DEFECTS } from './pci-config.ts';
import { PCI_DEFECTS } from './pci-core.ts';
import { PCI_IRQ_DEFECTS } from './pci-irqs.ts';
import { PCI_KEPT_DEFECTS } from './pci-kept.ts';
import { PCI_MORE_DEFECTS } from './pci-more.ts';
import { PCI_OWNERSHIP_DEFECTS } from './pci-ownership.ts';
import { PCI_RESET_DEFECTS } from './pci-reset.ts';
import { PCI_TOLD_DEFECTS } from './pci-told.ts';
import { RACE_DEFECTS } from './races.ts';
import { SAMPLE_DEFECTS } from './sample.ts';
import { SAVED_STATE_DEFECTS } from './saved-state.ts';
import { SESSION_DEFECTS } from './sessions.ts';
import { OWN_SESSION_DEFECTS } from './sessions-own.ts';
import { STREAM_DEFECTS } from './streams.ts';
import { TYPE1_DEFECTS } from './type1.ts';
import { MORE_TYPE1_DEFECTS } from './type1-more.ts';
import { VFIO_DEFECTS } from './vfio.ts';

export const DEFECTS: readonly Defect[] = [
  ...VFIO_DEFECTS,
  ...PCI_DEFECTS,
  ...PCI_IRQ_DEFECTS,
  ...PCI_CONFIG_DEFECTS,
  ...PCI_RESET_DEFECTS,
  ...PCI_OWNERSHIP_DEFECTS,
  ...PCI_MORE_DEFECTS,
  ...PCI_TOLD_DEFECTS,
  ...PCI_BESIDE_RESET_DEFECTS,
  ...PCI_KEPT_DEFECTS,
  ...MLX5_DEFECTS,
  ...SAMPLE_DEFECTS,
  ...MTTY_DEFECTS,
  ...STREAM_DEFECTS,
  ...SAVED_STATE_DEFECTS,
  ...SESSION_DEFECTS,
  ...OWN_SESSION_DEFECTS,
  ...TYPE1_DEFECTS,
  ...MORE_TYPE1_DEFECTS,
  ...DIRTY_DEFECTS,
  ...IO_PAGETABLE_DEFECTS,
  ...IO_PAGES_DEFECTS,
  ...IOMMUFD_DEFECTS,
  ...MORE_IOMMUFD_DEFECTS,
  ...FAILING_DEFECTS,
  ...RACE_DEFECTS,
  ...MORE_MIGRATION_DEFECTS,
  ...MIGRATION_FILE_DEFECTS,
  ...HISTORY_TYPE1_DEFECTS,
  ...HISTORY_IOMMUFD_DEFECTS,
  ...HISTORY_QUEUE_DEFECTS,
  ...HISTORY_MIGRATION_DEFECTS,
  ...HISTORY_INTERRUPTS_DEFECTS,
  ...HISTORY_CONFIG_DEFECTS,
  ...HISTORY_SESSIONS_DEFECTS,
  ...HISTORY_VFIO_DEFECTS,
];

export { LEFT_OUT };
