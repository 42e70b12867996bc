/** struct vfio_migration_ops of mlx5-vfio-pci (drivers/vfio/pci/mlx5/main.c: mlx5vf_pci_mig_ops). */
import { MIGRATION } from '../../src/uapi/vfio.ts';
import type { VfioMigrationOps } from '../../src/vfio/migration/ops.ts';
import { walkMigration } from '../../src/vfio/migration/walk.ts';
import { takeArc } from './arcs.ts';
import type { Mlx5VfDevice } from './device.ts';

export const MLX5_MIGRATION_FLAGS = MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY;

/** `D`: the driver's device; `vf` finds what is migratable of it. */
export function migrationOps<D>(vf: (device: D) => Mlx5VfDevice): VfioMigrationOps<D> {
  return {
    *migration_set_state(data, state) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      const result = yield* walkMigration(
        MLX5_MIGRATION_FLAGS,
        () => device.state,
        (from, to) => takeArc(device, from, to),
        (to) => {
          device.state = to;
        },
        state,
      );
      yield* device.unlock();
      return result;
    },
    *migration_get_state(data) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      const { state } = device;
      // A reset that came meanwhile is carried out by the unlock: the state read is the one before.
      yield* device.unlock();
      return state;
    },
    *migration_get_data_size(data) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      const answer = yield* device.commands.queryFull();
      yield* device.unlock();
      if (typeof answer === 'number') return answer;
      return device.abilities.chunkMode ? answer.remaining : answer.required;
    },
  };
}
