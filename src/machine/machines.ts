/** The machines that come with the emulator, by name. */
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recorded } from '../../sim/machines/recorded.ts';
import { sampleMachine } from '../../sim/machines/sample.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';

/** Descriptions, each with a line for people. */
export const MACHINES: readonly { readonly description: MachineDescription; readonly summary: string }[] = [
  { description: recorded, summary: 'the machine of the golden traces: edu, igb with VFs' },
  { description: mlx5Machine, summary: 'a ConnectX-like PF with VFs behind a root port' },
  { description: sampleMachine, summary: 'two tally devices, for the sample variant' },
];

/** The machine of that name; undefined: there is none. */
export function machineNamed(name: string): MachineDescription | undefined {
  return MACHINES.find(({ description }) => description.name === name)?.description;
}
