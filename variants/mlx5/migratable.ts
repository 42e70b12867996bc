/** Whether a VF can be migrated, learnt from its PF when the driver is bound (cmd.c: mlx5vf_cmd_set_migratable). */
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import type { Task } from '../../src/kernel/sleep.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/index.ts';
import { Parent, type ParentObservers } from '../../src/variant/interaction.ts';
import { parentData } from '../../src/variant/variant.ts';
import { Mlx5Core } from './core/core.ts';
import { implementationOf } from './core/implementation.ts';
import { Mlx5VfDevice } from './device.ts';
import { MLX5_PARENT } from './parent.ts';

/** A migratable VF, and the way to stop hearing of it. */
export interface MigratableVf {
  readonly vf: Mlx5VfDevice;
  /** mlx5vf_cmd_remove_migratable */
  forget(): void;
}

/** Undefined: not a VF, its PF is not served by mlx5_core, or the card cannot do it. The device is plain then. */
export function* migratableVf(
  core: VfioPciCoreDevice,
  parentDriver: PciDriver,
  observers: ParentObservers,
): Task<MigratableVf | undefined> {
  const card = parentData(core.pdev, parentDriver);
  if (!(card instanceof Mlx5Core) || !card.up || core.pdev.vfId < 0) return undefined;
  const { capabilities } = card.hca;
  if (!capabilities.migration || !capabilities.migrationMultiLoad || !capabilities.migrationTrackingState)
    return undefined;
  const parent = new Parent(MLX5_PARENT, core.pdev.name, implementationOf(card), observers);
  const vhca = yield* parent.call('identify', { functionId: core.pdev.vfId + 1 });
  if (typeof vhca === 'number' || !vhca.migratable) return undefined;
  const vf = new Mlx5VfDevice(core, card, parent, {
    vhcaId: vhca.vhcaId,
    chunkMode: capabilities.migrationInChunks,
    reportsState: capabilities.migrationState,
    logsPages: capabilities.tracker !== undefined,
  });
  const forget = card.onVfEvent(core.pdev.vfId, (event) => vf.vfEvent(event));
  return { vf, forget };
}
