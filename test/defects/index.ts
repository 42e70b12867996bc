/** All planted defects. They ship in the test tree only. */
import type { Defect } from './defect.ts';
import { MLX5_DEFECTS } from './mlx5.ts';
import { PCI_DEFECTS } from './pci-core.ts';
import { VFIO_DEFECTS } from './vfio.ts';

export const DEFECTS: readonly Defect[] = [...VFIO_DEFECTS, ...PCI_DEFECTS, ...MLX5_DEFECTS];
