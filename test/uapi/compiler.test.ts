import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { type Layout, layout } from '../../src/uapi/layout.ts';
import { sameConstant } from './compare.ts';
import { type Compiled, compileHeader, findCompiler, programFor, structBody } from './compiled.ts';
import { allTables, type Constant } from './exports.ts';
import { HEADERS } from './names.ts';

/** How many there are of something grows from one Linux to the next; what there was keeps its number. */
const GROWS: ReadonlySet<string> = new Set([
  'VFIO_PCI_NUM_REGIONS',
  'VFIO_PCI_NUM_IRQS',
  'VFIO_DEVICE_STATE_NR',
  'PCI_CAP_ID_MAX',
  'PCI_EXT_CAP_ID_MAX',
]);

/** LINUX_VERSION_CODE of the first header in which a name means what it means now: 5.18 gave those of migration v1 to v2. */
const SINCE: Readonly<Record<string, number>> = {
  VFIO_DEVICE_STATE_STOP: 0x05_12_00,
  VFIO_DEVICE_STATE_RUNNING: 0x05_12_00,
  VFIO_DEVICE_STATE_RESUMING: 0x05_12_00,
};
/** Where fields are added later; such a field is as long as the others of its Linux leave it. */
const RESERVED = /^(__)?(reserved\d?|pad)$/;

interface Table {
  readonly header: string;
  readonly constants: readonly Constant[];
  readonly layouts: readonly Layout[];
}

const TABLES: readonly Table[] = [
  ...(await allTables())
    .filter(({ file }) => HEADERS[file] !== undefined)
    .map(({ file, constants, layouts }) => ({ header: HEADERS[file]!, constants, layouts })),
  // Values of the kernel alone, as ERESTARTSYS, are not in this header.
  {
    header: 'errno.h',
    constants: Object.entries(ERRNO).map(([name, value]) => ({ place: name, name, value })),
    layouts: [],
  },
];
/** Other systems have numbers of their own for errors, and may have files of the same names. */
const compiler = process.platform === 'linux' ? findCompiler() : undefined;
/** KERNEL_VERSION(7, 4, 0): from here on structs can have more fields than the tables. */
const NEXT_LINUX = 0x07_04_00;

const isNewer = ({ version }: Compiled): boolean => version >= NEXT_LINUX;

function constantDifferences(constants: readonly Constant[], compiled: Compiled): string[] {
  return constants.flatMap(({ place, name, value }) => {
    const measured = compiled.constants.get(name ?? '');
    if (measured === undefined || sameConstant(value, measured)) return [];
    if (compiled.version < (SINCE[name!] ?? 0)) return [];
    const grew = BigInt(value) > measured || isNewer(compiled);
    return GROWS.has(name!) && grew ? [] : `${place}: ${value}, and ${name} is ${measured}`;
  });
}

function structDifferences(layouts: readonly Layout[], compiled: Compiled): string[] {
  return layouts.flatMap(({ name, size, fields }) => {
    const struct = compiled.structs.get(name);
    const differences: string[] = [];
    const grew = struct?.size !== undefined && struct.size > size && isNewer(compiled);
    if (struct?.size !== undefined && struct.size !== size && !grew)
      differences.push(`${name}: size ${size}, and ${struct.size}`);
    for (const field of fields) {
      if (struct?.size === undefined && RESERVED.test(field.name)) continue;
      const measured = struct?.fields.get(field.name);
      if (measured !== undefined && (measured.offset !== field.offset || measured.size !== field.size))
        differences.push(
          `${name}.${field.name}: ${field.size} bytes at ${field.offset}, and ${measured.size} at ${measured.offset}`,
        );
    }
    return differences;
  });
}

describe.each(TABLES)('$header of this computer', ({ header, constants, layouts }) => {
  const wanted = { header, constants: new Set(constants.map(({ name }) => name!)), layouts };
  const compiled = compiler === undefined ? undefined : compileHeader(compiler, wanted);
  const missing =
    compiler === undefined
      ? 'this is no Linux with a C compiler (cc, gcc or clang)'
      : compiled
        ? ''
        : `there is no <${header}>`;
  const counts = `${compiled?.structs.size ?? 0} of ${layouts.length} structs, ${compiled?.constants.size ?? 0} of ${wanted.constants.size} constants`;

  test.skipIf(missing !== '')(`is what the tables say: ${missing || counts}`, () => {
    expect(constantDifferences(constants, compiled!)).toEqual([]);
    expect(structDifferences(layouts, compiled!)).toEqual([]);
    // The first <linux/iommufd.h>, of 6.2, has a quarter of today's; the others have more.
    expect(compiled!.constants.size).toBeGreaterThan(wanted.constants.size / 5);
    expect(compiled!.structs.size).toBeGreaterThanOrEqual(layouts.length / 5);
  });
});

describe('what a compiler measures', () => {
  const wrong = layout('vfio_group_status', { argsz: 'u16', flags: 'u16' });

  test('tells a wrong layout and a wrong constant by name', () => {
    const compiled: Compiled = {
      version: 0x06_01_00,
      constants: new Map([['VFIO_GROUP_FLAGS_VIABLE', 1n]]),
      structs: new Map([['vfio_group_status', { size: 8, fields: new Map([['flags', { offset: 4, size: 4 }]]) }]]),
    };
    expect(structDifferences([wrong], compiled)).toEqual([
      'vfio_group_status: size 4, and 8',
      'vfio_group_status.flags: 2 bytes at 2, and 4 at 4',
    ]);
    const constant = { place: 'VIABLE', value: 2, name: 'VFIO_GROUP_FLAGS_VIABLE' };
    expect(constantDifferences([constant], compiled)).toEqual(['VIABLE: 2, and VFIO_GROUP_FLAGS_VIABLE is 1']);
  });

  test('is asked for what an older header has, and not for the size of a struct that grew since', () => {
    const old = 'struct vfio_group_status { __u32 argsz; union { __u32 a; struct { int b; } c; }; }; enum { OLD = 3 };';
    const wanted = {
      header: 'old.h',
      constants: new Set(['OLD', 'NEW', 'MACRO']),
      layouts: [wrong, layout('novel', { a: 'u8' })],
    };
    expect(structBody(old, 'vfio_group_status')).toContain('c; }');
    const program = programFor(wanted, old, new Set(['MACRO']));
    expect(program.match(/constant \w+/g)).toEqual(['constant OLD', 'constant MACRO']);
    expect(program).toContain('offsetof(struct vfio_group_status, argsz)');
    expect(program).not.toMatch(/flags|sizeof\(struct|novel/);
  });
});
