/** Features of VFIO_DEVICE_FEATURE. */
import type { FEATURE } from '../../uapi/vfio.ts';
import { type Rule, rule } from './rule.ts';

const LOW_POWER = 'core-pci 11 Power';
const LOGGING = 'core-pci 13.4 DMA logging';

export const FEATURE_RULES: Readonly<Record<keyof typeof FEATURE, Rule>> = {
  PCI_VF_TOKEN: rule(
    'core-pci 12.2 FEATURE PCI_VF_TOKEN',
    'vfio_pci_core.c: vfio_pci_core_feature_token',
    'ENOTTY unless the function is an SR-IOV PF; SET only, 16 bytes, and open VFs stay open',
  ),
  MIGRATION: rule(
    'migration-core 2 VFIO_DEVICE_FEATURE',
    'vfio_main.c: vfio_ioctl_device_feature_migration',
    'ENOTTY without migration operations; GET only, 8 bytes: the flags of the driver',
  ),
  MIG_DEVICE_STATE: rule(
    'migration-core 3 MIG_DEVICE_STATE',
    'vfio_main.c: vfio_ioctl_device_feature_mig_device_state, vfio_mig_get_next_state',
    'the driver walks the shortest path and stays where an arc fails; data_fd is -1 unless the last arc opens a stream, also when the call fails',
  ),
  LOW_POWER_ENTRY: rule(
    LOW_POWER,
    'vfio_pci_core.c: vfio_pci_core_pm_entry',
    'mappings are zapped first; EINVAL if the device has entered already',
  ),
  LOW_POWER_ENTRY_WITH_WAKEUP: rule(
    LOW_POWER,
    'vfio_pci_core.c: vfio_pci_core_pm_entry_with_wakeup',
    'as LOW_POWER_ENTRY, with an eventfd (EINVAL below 0) that is signalled when the device resumes',
  ),
  LOW_POWER_EXIT: rule(
    LOW_POWER,
    'vfio_pci_core.c: vfio_pci_core_pm_exit',
    'SET always succeeds, whether the device had entered or not',
  ),
  DMA_LOGGING_START: rule(
    LOGGING,
    'vfio_main.c: vfio_ioctl_device_feature_logging_start',
    'ENOTTY without logging operations; 1 to 256 aligned ranges that neither overflow nor overlap',
  ),
  DMA_LOGGING_STOP: rule(
    LOGGING,
    'vfio_main.c: vfio_ioctl_device_feature_logging_stop',
    'ENOTTY without logging operations; what the driver answers',
  ),
  DMA_LOGGING_REPORT: rule(
    LOGGING,
    'vfio_main.c: vfio_ioctl_device_feature_logging_report',
    'ENOTTY without logging operations; page_size is a power of two of at least 4096, and bits are only ever set',
  ),
  MIG_DATA_SIZE: rule(
    'migration-core 8 MIG_DATA_SIZE',
    'vfio_main.c: vfio_ioctl_device_feature_migration_data_size',
    'ENOTTY without migration operations; GET only, 8 bytes, in every state',
  ),
  BUS_MASTER: rule(
    'core-pci 13.1 VFIO_DEVICE_FEATURE front end',
    'vfio_pci_core.c: vfio_pci_core_ioctl_feature',
    'not offered by PCI devices: ENOTTY',
  ),
  DMA_BUF: rule(
    'core-pci 14 dma-buf export',
    'vfio_pci_dmabuf.c: vfio_pci_core_feature_dma_buf',
    'GET, 16 bytes and the ranges behind them: page-aligned pieces of one mapped BAR; the descriptor is the result of the call',
  ),
  MIG_PRECOPY_INFOv2: rule(
    'migration-core 2 VFIO_DEVICE_FEATURE',
    'vfio_main.c: vfio_ioctl_device_feature',
    'EINVAL, and not ENOTTY, without pre-copy; SET only, without data',
  ),
  ZPCI_ERROR: rule(
    'core-pci 13.1 VFIO_DEVICE_FEATURE front end',
    'vfio_pci_core.c: vfio_pci_core_ioctl_feature',
    's390 only, elsewhere ENOTTY',
  ),
};
