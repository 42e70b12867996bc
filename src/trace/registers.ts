/** Names of the bytes of a configuration space, under those of include/uapi/linux/pci_regs.h. */
import { CAP, EXT_CAP, PCI } from '../../sim/pci/registers.ts';
import { capabilities, extendedCapabilities, type FoundCapability } from './capabilities.ts';
import { EXTENDED_REGISTERS, HEADER_REGISTERS, type RegisterRow, STANDARD_REGISTERS } from './register-tables.ts';

/** A register of a function, or a lone byte that has no name. `capability` is the id of the one it belongs to. */
export interface Register {
  readonly name: string;
  readonly offset: number;
  readonly width: number;
  readonly capability?: number;
}

/** Bytes of a capability about which nothing is known. */
const UNKNOWN_LENGTH = 0x40;

const names = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, id]) => [id, name]));
const STANDARD_NAMES = names(CAP);
const EXTENDED_NAMES = names(EXT_CAP);

/** The register at `offset`. Where capabilities stand is read from `config`, a whole configuration space. */
export function registerAt(config: Uint8Array, offset: number): Register {
  if (offset < PCI.STD_HEADER_SIZEOF) return inTable(HEADER_REGISTERS, 'PCI', { at: 0 }, offset);
  const extended = offset >= PCI.CFG_SPACE_SIZE;
  const found = owner(extended ? extendedCapabilities(config) : capabilities(config), offset);
  const { id = 0, at = 0 } = found ?? {};
  const table = (extended ? EXTENDED_REGISTERS : STANDARD_REGISTERS)[id]?.(config, at);
  if (found === undefined || offset - at >= lengthOf(table))
    return { name: `0x${offset.toString(16)}`, offset, width: 1 };
  const name = (extended ? EXTENDED_NAMES : STANDARD_NAMES).get(id) ?? `CAP_${id.toString(16)}`;
  const register = inTable(table ?? [], `PCI_${name}`, found, offset);
  return { ...register, capability: id };
}

/** The capability whose start is the closest one below. */
function owner(list: Iterable<FoundCapability>, offset: number): FoundCapability | undefined {
  let closest: FoundCapability | undefined;
  for (const one of list) if (one.at <= offset && one.at > (closest?.at ?? 0)) closest = one;
  return closest;
}

/** Up to the last register; a capability whose registers are not in the tables reaches as far as most do. */
function lengthOf(table: readonly RegisterRow[] | undefined): number {
  return table === undefined ? UNKNOWN_LENGTH : Math.max(...table.map(([at, width]) => at + width));
}

/** A position that no row covers is named by its capability and its distance from the start of it. */
function inTable(rows: readonly RegisterRow[], prefix: string, start: { at: number }, offset: number): Register {
  const distance = offset - start.at;
  const row = rows.find(([at, width]) => distance >= at && distance < at + width);
  if (row !== undefined) return { name: `PCI_${row[2]}`, offset: start.at + row[0], width: row[1] };
  return { name: `${prefix}+0x${distance.toString(16)}`, offset, width: 1 };
}
