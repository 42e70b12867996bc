import { describe, expect, test } from 'vitest';
import { EXTENDED } from '../../sim/pci/capabilities/extended.ts';
import type { CapabilityKind } from '../../sim/pci/capabilities/kind.ts';
import { STANDARD } from '../../sim/pci/capabilities/standard.ts';
import { CAPABILITIES } from '../../src/pci-core/config/cap-table.ts';
import { EXT_CAPABILITIES } from '../../src/pci-core/config/ext-cap-table.ts';
import { HEADER } from '../../src/pci-core/config/header-table.ts';
import type { CapabilityRow } from '../../src/pci-core/config/row.ts';
import { measuredConstant } from './measured.ts';
import {
  type CapabilityNaming,
  EXTENDED_NAMES,
  fullCapability,
  type Row,
  registerName,
  STANDARD_NAMES,
  UNNAMED_LENGTHS,
} from './rows.ts';

/** A capability of either kind of table. */
interface Capability {
  readonly table: string;
  readonly id: number;
  readonly extended: boolean;
  readonly length: number | undefined;
  readonly rows: readonly Row[];
  readonly wide: boolean;
}

function permitted(table: Readonly<Record<number, CapabilityRow>>, extended: boolean, wide: boolean): Capability[] {
  const bytes = fullCapability(wide);
  return Object.entries(table).map(([id, { name, length, registers }]) => ({
    table: `permissions of ${name}`,
    id: Number(id),
    extended,
    length: typeof length === 'number' ? length : undefined,
    rows: (typeof registers === 'function' ? registers((at) => bytes.getUint16(at, true)) : (registers ?? [])).filter(
      ({ name }) => name !== 'HEADER',
    ),
    wide,
  }));
}

function modelled(kinds: readonly CapabilityKind[], wide: boolean): Capability[] {
  const [none, full] = [new DataView(new ArrayBuffer(256)), fullCapability(wide)];
  return kinds.map((kind) => ({
    table: `hardware of ${kind.name}`,
    id: kind.id,
    extended: kind.extended,
    // A length that its bytes decide is not the header's to name.
    length: kind.size(none) === kind.size(ones()) ? kind.size(none) : undefined,
    rows: kind.registers(full),
    wide,
  }));
}

/** A capability all of whose bits are set. */
function ones(): DataView {
  return new DataView(new Uint8Array(256).fill(0xff).buffer);
}

const ALL = [false, true].flatMap((wide) => [
  ...permitted(CAPABILITIES, false, wide),
  ...permitted(EXT_CAPABILITIES, true, wide),
  ...modelled(STANDARD, wide),
  ...modelled(EXTENDED, wide),
]);

const regs = (name: string): bigint | undefined => measuredConstant('linux/pci_regs.h', name);
const namingOf = ({ extended, id }: Capability): CapabilityNaming | undefined =>
  (extended ? EXTENDED_NAMES : STANDARD_NAMES)[id];

function rowDifferences(capability: Capability): string[] {
  return capability.rows.flatMap((row) => {
    const name = registerName(namingOf(capability), row, capability.wide);
    const place = `${capability.table}.${row.name}`;
    if (name === undefined) return `${place}: no name of the header is known for it`;
    const measured = regs(name);
    if (measured === BigInt(row.at)) return [];
    return measured === undefined
      ? `${place}: the header has no ${name}`
      : `${place}: ${row.at}, and ${name} is ${measured}`;
  });
}

function lengthDifferences(capability: Capability): string[] {
  const { table, id, extended, length } = capability;
  if (length === undefined || `${extended ? 'extended' : 'standard'} ${id}` in UNNAMED_LENGTHS) return [];
  const name = namingOf(capability)?.size;
  if (name === undefined) return [`${table}: no name of the header is known for its length`];
  return regs(name) === BigInt(length) ? [] : [`${table}: ${length} bytes, and ${name} is ${regs(name)}`];
}

describe('the registers of a capability are where linux/pci_regs.h has them', () => {
  test('in the permission tables and in the hardware', () => {
    expect(ALL.flatMap(rowDifferences)).toEqual([]);
    expect(ALL.flatMap(({ rows }) => rows).length).toBeGreaterThan(100);
  });

  test('and a capability of fixed length is as long as there', () => {
    expect(ALL.flatMap(lengthDifferences)).toEqual([]);
  });

  test('and so are those of the header', () => {
    const differences = HEADER.filter(({ name, at }) => {
      const bar = /^BAR(\d)$/.exec(name);
      return regs(bar === null ? `PCI_${name}` : `PCI_BASE_ADDRESS_${bar[1]}`) !== BigInt(at);
    });
    expect(differences).toEqual([]);
    expect(HEADER.length).toBeGreaterThan(15);
  });

  test('and a row at a wrong place is found', () => {
    const [vpd] = ALL.filter(({ table }) => table === 'permissions of VPD');
    const wrong = {
      ...vpd!,
      length: 9,
      rows: [
        { name: 'DATA', at: 6 },
        { name: 'DATE', at: 4 },
      ],
    };
    expect([...rowDifferences(wrong), ...lengthDifferences(wrong)]).toEqual([
      'permissions of VPD.DATA: 6, and PCI_VPD_DATA is 4',
      'permissions of VPD.DATE: the header has no PCI_VPD_DATE',
      'permissions of VPD: 9 bytes, and PCI_CAP_VPD_SIZEOF is 8',
    ]);
  });
});
