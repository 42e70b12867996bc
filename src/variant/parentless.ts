/** A variant without parent and dirty logging, as a plug-in: binding, unbinding and resets are alike for all of these. */
import type { PciDevice } from '../kernel/pci/device.ts';
import type { PciDriver } from '../kernel/pci/driver.ts';
import type { VfioPciCoreDevice } from '../pci-core/core-device.ts';
import {
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_init_dev,
  vfio_pci_core_register_device,
  vfio_pci_core_unregister_device,
} from '../pci-core/register.ts';
import type { VfioRegistry } from '../pci-core/registry.ts';
import { VfioDevice, type VfioDeviceOps } from '../vfio/device.ts';
import type { VfioMigrationOps } from '../vfio/migration/ops.ts';
import type { VariantDeclaration, VariantModule } from './variant.ts';

/** What such a variant consists of. `D`: its device, the library's with what the driver adds. */
export interface ParentlessVariant<D extends VfioPciCoreDevice> {
  /** Short name: the folder under variants/. */
  readonly name: string;
  readonly declaration: Omit<VariantDeclaration, 'parent' | 'dirtyLogging'>;
  readonly device: new (pdev: PciDevice) => D;
  readonly ops: VfioDeviceOps<D>;
  /** Needed if the declaration has migration flags. */
  readonly migration?: VfioMigrationOps<D>;
  /** The device was reset, by whomever; it is registered. */
  resetDone(device: D): void;
}

/** Makes the plug-in. */
export function parentlessVariant<D extends VfioPciCoreDevice>(variant: ParentlessVariant<D>): VariantModule {
  return {
    name: variant.name,
    declaration: { ...variant.declaration, parent: undefined, dirtyLogging: false },
    drivers: ({ vfio }) => ({ variant: driverOf(variant, vfio), parents: [] }),
  };
}

function driverOf<D extends VfioPciCoreDevice>(variant: ParentlessVariant<D>, registry: VfioRegistry): PciDriver {
  const { declaration, migration } = variant;
  return {
    name: declaration.driver,
    ids: declaration.ids,
    overrideOnly: true,
    managesDma: true,
    probe(pdev) {
      const device = new variant.device(pdev);
      vfio_pci_core_init_dev(device);
      const vdev = new VfioDevice<D>(pdev.name, variant.ops, device);
      vdev.migrationFlags = declaration.migrationFlags;
      vdev.migOps = migration;
      pdev.driverData = device;
      return vfio_pci_core_register_device(device, vdev as unknown as VfioDevice, registry);
    },
    remove: (pdev) => vfio_pci_core_unregister_device(pdev.driverData as D),
    resetDone(pdev) {
      const device = pdev.driverData as D | undefined;
      if (device?.vdev !== undefined) variant.resetDone(device);
    },
    errorDetected: vfio_pci_core_aer_err_detected,
  };
}
