/** `--machine NAME|FILE`: a machine that comes with the emulator, or one described in a JSON file. */
import { readFileSync } from 'node:fs';
import type { MachineDescription } from '../../sim/pci/description.ts';
import { Machine } from '../machine/machine.ts';
import { MACHINES, machineNamed } from '../machine/machines.ts';
import { MODULES, VARIANTS } from '../machine/variants.ts';
import { InputError } from '../trace/index.ts';
import { withDumps } from './dumped-functions.ts';
import { iommuFault } from './iommu-check.ts';

/** A freshly booted machine with every driver loaded. */
export function machineForPlay(name: string): Machine {
  const description = machineNamed(name) ?? describedIn(name);
  try {
    return new Machine(description, { variants: VARIANTS, modules: MODULES });
  } catch (error) {
    if (machineNamed(name) !== undefined) throw error;
    // What the constructors refuse they say in words; anything else is a value of the wrong shape.
    const plain = error instanceof Error && error.constructor === Error;
    throw new InputError(
      `${name} does not describe a machine: ${plain ? error.message : 'a part of it has the wrong shape'}.`,
    );
  }
}

function describedIn(path: string): MachineDescription {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    const names = MACHINES.map(({ description }) => description.name).join(', ');
    throw new InputError(`There is no machine and no file called ${path}; machines are ${names}.`);
  }
  try {
    const value = JSON.parse(text) as Partial<MachineDescription> | null;
    if (value && typeof value.name === 'string' && Array.isArray(value.root)) {
      const fault = value.iommu === undefined ? undefined : iommuFault(value.iommu);
      if (fault !== undefined) throw new InputError(`${path} does not describe a machine: ${fault}.`);
      return { ...(value as MachineDescription), root: withDumps(value.root, path) };
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path} is not valid JSON.`);
  }
  throw new InputError(`${path} does not describe a machine: name and root are needed.`);
}
