import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CAPABILITY_LAYOUTS, FEATURE_LAYOUTS } from '../../src/trace/decode-layouts.ts';
import { layout } from '../../src/uapi/layout.ts';
import { info_cap_header } from '../../src/uapi/vfio.ts';
import { layoutDifferences, sameConstant } from './compare.ts';
import { allTables, layoutsIn, type Tables, tablesOf } from './exports.ts';
import { measuredConstant, measuredStructs } from './measured.ts';
import { HEADERS, NAMES, NOT_LAID_OUT, UNNAMED } from './names.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const STRUCTS = { ...measuredStructs('linux/vfio.h'), ...measuredStructs('linux/iommufd.h') };
const tables = await allTables();

/** What is wrong with the constants of a module. */
function constantDifferences({ file, constants }: Tables): string[] {
  const header = HEADERS[file];
  return constants.flatMap(({ place, value, name }) => {
    if (name === undefined || header === undefined) return `${place}: no name of a header is known for it`;
    const measured = measuredConstant(header, name);
    if (measured === undefined) return `${place}: the header has no ${name}`;
    return sameConstant(value, measured) ? [] : `${place}: ${value}, and ${name} is ${measured}`;
  });
}

/** What is wrong with the layouts of a module. */
function structDifferences({ layouts }: Pick<Tables, 'layouts'>): string[] {
  return layouts.flatMap((one) => {
    const struct = STRUCTS[one.name];
    if (struct !== undefined) return layoutDifferences(one, struct);
    return one.name in UNNAMED ? [] : `${one.name}: the headers have no such struct`;
  });
}

describe('the ABI is the one a compiler measured', () => {
  test.each(tables)('$file: every struct, field by field', (module) => {
    expect(structDifferences(module)).toEqual([]);
  });

  test.each(tables)('$file: every constant', (module) => {
    expect(constantDifferences(module)).toEqual([]);
  });

  test('and nothing that a module exports is passed over', () => {
    expect(tables.flatMap(({ strange }) => strange)).toEqual([]);
    const exported = tables.flatMap(({ file, groups }) => groups.map((group) => `${file}: ${group}`));
    const listed = Object.entries(NAMES).flatMap(([file, groups]) => Object.keys(groups).map((g) => `${file}: ${g}`));
    expect(exported.sort()).toEqual(listed.sort());
    const compared = tables.flatMap(({ constants }) => constants).length;
    expect(compared).toBeGreaterThan(380);
  });

  test('and every struct of the headers is laid out, or it is said why not', () => {
    const laidOut = new Set(tables.flatMap(({ layouts }) => layouts.map(({ name }) => name)));
    const excused = Object.values(NOT_LAID_OUT).flat();
    expect([...excused, ...laidOut].sort()).toEqual([...Object.keys(STRUCTS), ...Object.keys(UNNAMED)].sort());
  });

  test('and nobody has a layout of their own', () => {
    const own = ['src', 'sim', 'variants']
      .flatMap((folder) =>
        readdirSync(resolve(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((f) => `${folder}/${f}`),
      )
      .filter((file) => file.endsWith('.ts') && !file.startsWith('src/uapi/'))
      .filter((file) =>
        /import \{[^}]*\blayout\b[^}]*\} from '[^']*uapi/.test(readFileSync(resolve(ROOT, file), 'utf8')),
      );
    expect(own).toEqual([]);
    const known = new Set(tables.flatMap(({ layouts }) => layouts));
    const decoded = layoutsIn([FEATURE_LAYOUTS, CAPABILITY_LAYOUTS]);
    expect(decoded.length).toBeGreaterThan(10);
    expect(decoded.filter((one) => !known.has(one))).toEqual([]);
  });
});

describe('a mistake is found', () => {
  test('in the order of fields, and it is named', () => {
    const swapped = layout('vfio_irq_info', { argsz: 'u32', flags: 'u32', count: 'u32', index: 'u32' });
    expect(structDifferences({ layouts: [swapped] })).toEqual([
      'vfio_irq_info.count: offset 8, and 12 in the header',
      'vfio_irq_info.index: offset 12, and 8 in the header',
    ]);
  });

  test('in the type of a field, in a field too many and in one that is missing', () => {
    const unsigned = layout('vfio_device_feature_mig_state', { device_state: 'u32', data_fd: 'u32' });
    expect(structDifferences({ layouts: [unsigned] })).toEqual([
      'vfio_device_feature_mig_state.data_fd: a u32, and __s32 in the header',
    ]);
    const longer = layout('vfio_group_status', { argsz: 'u32', flags: 'u32', more: 'u32' });
    expect(structDifferences({ layouts: [longer] })).toEqual([
      'vfio_group_status: size 12, and 8 in the header',
      'vfio_group_status.more: no such field in the header',
    ]);
    const shorter = layout('vfio_region_info_cap_type', { header: info_cap_header, type: 'u32' });
    expect(structDifferences({ layouts: [shorter] })).toEqual([
      'vfio_region_info_cap_type: size 12, and 16 in the header',
      'vfio_region_info_cap_type.subtype: bytes 12 to 15 of the header are not laid out',
    ]);
  });

  test('in a struct within a struct', () => {
    const header = layout('vfio_info_cap_header', { version: 'u16', id: 'u16', next: 'u32' });
    const wrong = layout('vfio_region_info_cap_type', { header, type: 'u32', subtype: 'u32' });
    expect(structDifferences({ layouts: [wrong] })).toEqual([
      'vfio_region_info_cap_type.header.version: offset 0, and 2 in the header',
      'vfio_region_info_cap_type.header.id: offset 2, and 0 in the header',
    ]);
  });

  test('in a name that no header has', () => {
    expect(structDifferences({ layouts: [layout('vfio_group_statis', { argsz: 'u32' })] })).toEqual([
      'vfio_group_statis: the headers have no such struct',
    ]);
  });

  test('in a constant, in its name, and in a group that nobody named', () => {
    const module = { PCI_IRQ: { INTX: 0, MSI: 2, MSY: 1 }, MIG_STATE_NR: 9, NOVEL: { A: 1 }, LIST: ['INTX'] };
    const wrong = tablesOf('vfio.ts', module);
    expect(constantDifferences(wrong)).toEqual([
      'vfio.ts: PCI_IRQ.MSI: 2, and VFIO_PCI_MSI_IRQ_INDEX is 1',
      'vfio.ts: PCI_IRQ.MSY: the header has no VFIO_PCI_MSY_IRQ_INDEX',
      'vfio.ts: MIG_STATE_NR: 9, and VFIO_DEVICE_STATE_NR is 8',
      'vfio.ts: NOVEL.A: no name of a header is known for it',
    ]);
    expect(wrong.strange).toEqual(['vfio.ts: LIST']);
  });
});
