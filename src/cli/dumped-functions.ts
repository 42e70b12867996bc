/** Functions of a machine file that are given as a dump: `"function": { "dump": "nvme.txt", "model": "edu" }`. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { FunctionDescription, SlotDescription } from '../../sim/pci/description.ts';
import { describeDump } from '../../sim/pci/dump.ts';
import { InputError } from '../trace/index.ts';

/** A function as a machine file may give it: in words, or as a dump with what is to be different. */
type Written = FunctionDescription | ({ readonly dump: string } & Partial<FunctionDescription>);

/** The slots with every dump read; `file` is the machine file, beside which the dumps lie. */
export function withDumps(slots: readonly SlotDescription[], file: string): SlotDescription[] {
  return slots.map((slot) => {
    if (slot === null || typeof slot !== 'object') return slot;
    if ('below' in slot && Array.isArray(slot.below)) return { ...slot, below: withDumps(slot.below, file) };
    return 'function' in slot ? { ...slot, function: described(slot.function, file) } : slot;
  });
}

function described(written: Written, file: string): FunctionDescription {
  if (written === null || typeof written !== 'object' || !('dump' in written)) return written as FunctionDescription;
  const { dump, ...different } = written;
  const path = resolve(dirname(file), String(dump));
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new InputError(`${file} names the dump ${dump}, which cannot be read.`);
  }
  try {
    return { ...describeDump(text), ...different };
  } catch (error) {
    throw new InputError(`${dump} cannot be used: ${(error as Error).message}.`);
  }
}
