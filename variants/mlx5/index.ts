/**
 * mlx5-vfio-pci, the driver of ConnectX virtual functions, and mlx5_core, the driver of their PF.
 * @module
 */
import type { VariantDeclaration, VariantModule } from '../../src/variant/variant.ts';
import { mlx5CoreDriver } from './core/driver.ts';
import { DRIVER_NAME, mlx5VfioPciDriver, VF_IDS } from './driver.ts';
import { MLX5_FORMAT } from './format.ts';
import { MLX5_MIGRATION_FLAGS } from './migration-ops.ts';
import { MLX5_PARENT } from './parent.ts';
import { SAFEGUARDS } from './safeguards.ts';

const declaration: VariantDeclaration = {
  driver: DRIVER_NAME,
  title: 'VFIO driver for ConnectX virtual functions with live migration',
  summary:
    'Lets a user migrate a VF: the PF’s firmware stops it, writes its state as images, and loads them into another VF. It can also record which pages the VF writes. Everything else is vfio-pci.',
  ids: VF_IDS,
  overrides: [
    { callback: 'open_device', why: 'the migration state starts as RUNNING' },
    { callback: 'close_device', why: 'migration sessions and page tracking end with the last close' },
  ],
  migrationFlags: MLX5_MIGRATION_FLAGS,
  dirtyLogging: true,
  parent: MLX5_PARENT,
  formats: [MLX5_FORMAT],
  consumption:
    'Each FW_DATA record is loaded inside the write that completes it. A refused record ends the use of the file. RESUMING to STOP checks nothing: what was not complete is dropped, also if that is everything.',
  regions: [],
  inputs: [],
  safeguards: Object.values(SAFEGUARDS) as readonly unknown[] as VariantDeclaration['safeguards'],
};

/** The variant as a plug-in. */
export const mlx5: VariantModule = {
  name: 'mlx5',
  declaration,
  drivers(deps) {
    const parent = mlx5CoreDriver(deps.sriov);
    return { variant: mlx5VfioPciDriver(deps, parent), parents: [parent] };
  },
};

export { MLX5_ARCS } from './arcs.ts';
export { Mlx5Core } from './core/core.ts';
export { Mlx5VfDevice } from './device.ts';
export { dataOf } from './driver.ts';
export { MLX5_FORMAT, MLX5_PARENT, SAFEGUARDS };
