/** The parameters of the vfio modules under /sys/module, under their names; whoever reads them looks when it matters. */
import { moduleDirectory, truthValue, truthValues, unsignedNumber } from '../kernel/sysfs/module.ts';
import type { Directory } from '../kernel/sysfs/node.ts';
import { VFIO_PCI_SHOWN, VFIO_PCI_WRITABLE, type VfioPciParameters } from '../pci-core/vfio-pci.ts';

/** Parameters of the vfio modules, as on the kernel's command line. */
export interface VfioParameters {
  /** vfio.enable_unsafe_noiommu_mode. */
  noiommu: boolean;
  /** vfio_iommu_type1.allow_unsafe_interrupts. */
  allowUnsafeInterrupts: boolean;
  /** iommufd.allow_unsafe_interrupts: the same for devices bound to an iommufd. */
  iommufdAllowUnsafeInterrupts: boolean;
  /** vfio_iommu_type1.dma_entry_limit. */
  dmaEntryLimit: number;
}

/** Directories by module name. */
export function vfioModules(vfio: VfioParameters, pci: VfioPciParameters): Record<string, () => Directory> {
  // Mappings here are never split for the sake of the host, so this one changes nothing.
  const hugepages = { disable_hugepages: false };
  return {
    vfio: () => moduleDirectory({ enable_unsafe_noiommu_mode: () => truthValue(only(vfio), 'noiommu') }),
    vfio_iommu_type1: () =>
      moduleDirectory({
        allow_unsafe_interrupts: () => truthValue(only(vfio), 'allowUnsafeInterrupts'),
        disable_hugepages: () => truthValue(hugepages, 'disable_hugepages'),
        dma_entry_limit: () => unsignedNumber(vfio as Pick<VfioParameters, 'dmaEntryLimit'>, 'dmaEntryLimit'),
      }),
    iommufd: () =>
      moduleDirectory({ allow_unsafe_interrupts: () => truthValue(only(vfio), 'iommufdAllowUnsafeInterrupts') }),
    vfio_pci: () => moduleDirectory(truthValues(pci, VFIO_PCI_SHOWN, VFIO_PCI_WRITABLE)),
  };
}

/** The truth values among the parameters. */
function only(
  vfio: VfioParameters,
): Pick<VfioParameters, 'noiommu' | 'allowUnsafeInterrupts' | 'iommufdAllowUnsafeInterrupts'> {
  return vfio;
}
