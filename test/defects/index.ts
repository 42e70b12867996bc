/**
 * All planted defects. They ship in the test tree only. Of the known defects of the core and of mlx5 these have no place to
 * stand in this machine: VF tokens on the way through a cdev, and in one of a driver's two flavours (CORE-05, CORE-06: tenants
 * of the lab open devices by their group, and the PF of a migratable mlx5 VF always belongs to the host); debugfs and mediated devices (CORE-08, CORE-11).
 */
import type { Defect } from './defect.ts';
import { DIRTY_DEFECTS } from './dirty.ts';
import { IOMMUFD_DEFECTS } from './iommufd.ts';
import { LEFT_OUT } from './left-out.ts';
import { MLX5_DEFECTS } from './mlx5.ts';
import { MTTY_DEFECTS } from './mtty.ts';
import { PCI_DEFECTS } from './pci-core.ts';
import { TYPE1_DEFECTS } from './type1.ts';
import { VFIO_DEFECTS } from './vfio.ts';

export const DEFECTS: readonly Defect[] = [
  ...VFIO_DEFECTS,
  ...TYPE1_DEFECTS,
  ...DIRTY_DEFECTS,
  ...IOMMUFD_DEFECTS,
  ...PCI_DEFECTS,
  ...MLX5_DEFECTS,
  ...MTTY_DEFECTS,
];

export { LEFT_OUT };
