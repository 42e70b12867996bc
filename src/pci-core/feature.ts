/** VFIO_DEVICE_FEATURE for what the PCI core knows (vfio_pci_core.c: vfio_pci_core_ioctl_feature). */
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { FEATURE, FEATURE_FLAG } from '../uapi/vfio.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { vfio_pci_core_feature_dma_buf } from './dma-buf.ts';
import { lowPowerEntry, lowPowerEntryWithWakeup, lowPowerExit } from './low-power.ts';
import { vfio_pci_core_feature_token } from './vf-token.ts';

/** `argument` points behind the 8-byte header, and argsz counts from there. */
export type FeatureHandler = (
  core: VfioPciCoreDevice,
  caller: Process,
  flags: number,
  argument: number,
  argsz: number,
) => Result;

/** Features by index; the rest is ENOTTY. */
export const PCI_FEATURES: Record<number, FeatureHandler> = {
  [FEATURE.LOW_POWER_ENTRY]: lowPowerEntry,
  [FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP]: lowPowerEntryWithWakeup,
  [FEATURE.LOW_POWER_EXIT]: lowPowerExit,
  [FEATURE.PCI_VF_TOKEN]: vfio_pci_core_feature_token,
  [FEATURE.DMA_BUF]: vfio_pci_core_feature_dma_buf,
};

/** A result of the feature, or a negated errno. */
export function vfio_pci_core_ioctl_feature(
  core: VfioPciCoreDevice,
  caller: Process,
  flags: number,
  argument: number,
  argsz: number,
): Result {
  return PCI_FEATURES[flags & FEATURE_FLAG.MASK]?.(core, caller, flags, argument, argsz) ?? -ERRNO.ENOTTY;
}
