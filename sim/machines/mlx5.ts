/** A machine with one ConnectX-like card behind a root port: the bench of the mlx5 variant. */
import { mlx5Slot } from '../devices/mlx5/index.ts';
import type { MachineDescription } from '../pci/description.ts';
import { vtd } from './recorded.ts';

/** The card is 0000:01:00.0. */
export const mlx5Machine: MachineDescription = {
  name: 'mlx5',
  iommu: vtd,
  root: [{ kind: 'root-port', devfn: '01.0', acs: 0x1d, ariForwarding: true, below: [mlx5Slot()] }],
};
