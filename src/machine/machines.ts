/** The machines that come with the emulator, by name. */
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recorded, recordedNoLinkActive } from '../../sim/machines/recorded.ts';
import { sampleMachine } from '../../sim/machines/sample.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';

/** Descriptions, each with a line for people. */
export const MACHINES: readonly { readonly description: MachineDescription; readonly summary: string }[] = [
  {
    description: recorded,
    summary: 'the machine of the golden traces: edu, igb and nvme with VFs, a switch, a PCI bus',
  },
  { description: recordedNoLinkActive, summary: 'the same, behind ports whose links come back after a bus reset' },
  { description: mlx5Machine, summary: 'a ConnectX-like PF with VFs behind a root port' },
  { description: sampleMachine, summary: 'two tally devices, for the sample variant' },
];

/** The machine of that name; undefined: there is none. */
export function machineNamed(name: string): MachineDescription | undefined {
  return MACHINES.find(({ description }) => description.name === name)?.description;
}
