/** The machines that come with the emulator, by name. */
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recorded } from '../../sim/machines/recorded.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';

export const MACHINES: readonly { readonly description: MachineDescription; readonly summary: string }[] = [
  { description: recorded, summary: 'the machine of the golden traces: edu, igb with VFs' },
  { description: mlx5Machine, summary: 'a ConnectX-like PF with VFs behind a root port' },
];

export function machineNamed(name: string): MachineDescription | undefined {
  return MACHINES.find(({ description }) => description.name === name)?.description;
}
