/** The PCI driver mlx5-vfio-pci: binding, opening and closing (drivers/vfio/pci/mlx5/main.c). All I/O is the library's. */
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import type { Task } from '../../src/kernel/sleep.ts';
import {
  coreOps,
  VfioPciCoreDevice,
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_close_device,
  vfio_pci_core_enable,
  vfio_pci_core_finish_enable,
  vfio_pci_core_init_dev,
  vfio_pci_core_register_device,
  vfio_pci_core_unregister_device,
} from '../../src/pci-core/index.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import type { VariantDependencies } from '../../src/variant/variant.ts';
import { VfioDevice, type VfioDeviceOps } from '../../src/vfio/device.ts';
import type { Mlx5VfDevice } from './device.ts';
import { logOps } from './log-ops.ts';
import { type MigratableVf, migratableVf } from './migratable.ts';
import { MLX5_MIGRATION_FLAGS, migrationOps } from './migration-ops.ts';

export const DRIVER_NAME = 'mlx5-vfio-pci';
/** ConnectX Family mlx5Gen Virtual Function. */
export const VF_IDS = [{ vendor: 0x15b3, device: 0x101e }];

/** What the driver keeps for a bound device; without `migratable` it is vfio-pci under another name. */
export interface Mlx5VfioPci {
  readonly core: VfioPciCoreDevice;
  readonly migratable: MigratableVf | undefined;
}

const migrated = ({ migratable }: Mlx5VfioPci): Mlx5VfDevice => migratable!.vf;

function* open({ core, migratable }: Mlx5VfioPci): Task<number> {
  const result = yield* vfio_pci_core_enable(core);
  if (result < 0) return result;
  if (migratable !== undefined) migratable.vf.state = MIG_STATE.RUNNING;
  vfio_pci_core_finish_enable(core);
  return 0;
}

function* close({ core, migratable }: Mlx5VfioPci): Task<void> {
  if (migratable !== undefined) yield* migratable.vf.close();
  yield* vfio_pci_core_close_device(core);
}

export const MLX5_OPS: VfioDeviceOps<Mlx5VfioPci> = {
  ...coreOps<Mlx5VfioPci>(({ core }) => core),
  name: DRIVER_NAME,
  open_device: open,
  close_device: close,
  resources({ migratable }) {
    if (migratable === undefined) return {};
    const { saving, resuming, tracker } = migratable.vf;
    return { sessions: (saving ? 1 : 0) + (resuming ? 1 : 0), 'page trackers': tracker.active ? 1 : 0 };
  },
};
export const MLX5_MIGRATION_OPS = migrationOps(migrated);
export const MLX5_LOG_OPS = logOps(migrated);

/** mlx5-vfio-pci of one machine; `parent` is its mlx5_core. */
export function mlx5VfioPciDriver(deps: VariantDependencies, parent: PciDriver): PciDriver {
  return {
    name: DRIVER_NAME,
    ids: VF_IDS,
    overrideOnly: true,
    managesDma: true,
    *probe(pdev): Task<number> {
      const core = new VfioPciCoreDevice(pdev);
      vfio_pci_core_init_dev(core);
      const migratable = yield* migratableVf(core, parent, deps.observers);
      const device = new VfioDevice<Mlx5VfioPci>(pdev.name, MLX5_OPS, { core, migratable });
      if (migratable !== undefined) {
        device.migrationFlags = MLX5_MIGRATION_FLAGS;
        device.migOps = MLX5_MIGRATION_OPS;
        if (migratable.vf.abilities.logsPages) device.logOps = MLX5_LOG_OPS;
      }
      pdev.driverData = core;
      const result = vfio_pci_core_register_device(core, device as unknown as VfioDevice<unknown>, deps.vfio);
      if (result < 0) migratable?.forget();
      return result;
    },
    *remove(pdev): Task<void> {
      const data = dataOf(pdev);
      yield* vfio_pci_core_unregister_device(data.core);
      data.migratable?.forget();
    },
    resetDone: (pdev) => MLX5_ERROR_HANDLERS.resetDone(pdev),
    errorDetected: vfio_pci_core_aer_err_detected,
  };
}

/** mlx5vf_err_handlers. */
export const MLX5_ERROR_HANDLERS = {
  /** The work a reset leaves; none for a device that is still being bound, or that does not migrate. */
  resetDone(pdev: PciDevice): Task<void> | undefined {
    return (pdev.driverData as VfioPciCoreDevice | undefined)?.vdev === undefined
      ? undefined
      : dataOf(pdev).migratable?.vf.resetDone();
  },
};

/** What the driver keeps for a device bound to it. */
export function dataOf(pdev: PciDevice): Mlx5VfioPci {
  return (pdev.driverData as VfioPciCoreDevice).vdev!.data as Mlx5VfioPci;
}
