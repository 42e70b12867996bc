import { describe, expect, test } from 'vitest';
import { OPTION, OPTION_OP } from '../../src/uapi/iommufd.ts';
import { E, PAGE, type Program, Rig } from './ioas-rig.ts';

const { RLIMIT_MODE, HUGE_PAGES } = OPTION;
const { GET, SET } = OPTION_OP;

const option = ({ iommu }: Program, option_id: number, op: number, object_id = 0, val64: number | bigint = 0): number =>
  iommu.call('OPTION', { option_id, op, object_id, val64 });

/** The value, or an errno. */
const get = (program: Program, id: number, object = 0): number =>
  option(program, id, GET, object, 77) || program.iommu.field('OPTION', 'val64');

// covers: IF12
test('OPTION knows two options with two operations', () => {
  const { program, iommu, ioas } = new Rig().ioas();
  expect(option(program, 2, GET)).toBe(E.EOPNOTSUPP);
  expect(option(program, RLIMIT_MODE, 2)).toBe(E.EOPNOTSUPP);
  expect(option(program, HUGE_PAGES, 2, ioas)).toBe(E.EOPNOTSUPP);
  expect(iommu.call('OPTION', { option_id: RLIMIT_MODE, op: GET, __reserved: 1 })).toBe(E.EOPNOTSUPP);
});

describe('RLIMIT_MODE', () => {
  // covers: IF12
  test('is chosen before anything exists, by who may raise limits', () => {
    const rig = new Rig();
    const program = rig.program(['CAP_SYS_RESOURCE']);
    expect(get(program, RLIMIT_MODE)).toBe(0);
    expect(option(program, RLIMIT_MODE, SET, 0, 2)).toBe(E.EINVAL);
    expect(option(program, RLIMIT_MODE, SET, 0, 1)).toBe(0);
    expect(get(program, RLIMIT_MODE)).toBe(1);
    const id = program.iommu.allocIoas();
    expect(option(program, RLIMIT_MODE, SET, 0, 2), 'before the value').toBe(E.EBUSY);
    program.iommu.destroy(id);
    expect(option(program, RLIMIT_MODE, SET, 0, 0)).toBe(0);
    expect(option(rig.program([]), RLIMIT_MODE, SET, 0, 1)).toBe(E.EPERM);
    expect(get(rig.program([]), RLIMIT_MODE)).toBe(0);
  });

  // covers: IF12
  test('belongs to no object', () => {
    const { program, ioas } = new Rig().ioas();
    expect([get(program, RLIMIT_MODE, ioas), option(program, RLIMIT_MODE, SET, ioas)]).toEqual([
      E.EOPNOTSUPP,
      E.EOPNOTSUPP,
    ]);
  });
});

describe('HUGE_PAGES', () => {
  // covers: IF12
  test('is on in every address space, and each has its own', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    const other = iommu.allocIoas();
    expect(option(program, HUGE_PAGES, SET, ioas, 0)).toBe(0);
    expect([get(program, HUGE_PAGES, ioas), get(program, HUGE_PAGES, other)]).toEqual([0, 1]);
    expect(option(program, HUGE_PAGES, SET, ioas, 1)).toBe(0);
    expect(get(program, HUGE_PAGES, ioas)).toBe(1);
    expect(option(program, HUGE_PAGES, SET, ioas, 2)).toBe(E.EINVAL);
    expect([get(program, HUGE_PAGES, 0), option(program, HUGE_PAGES, SET, 9999, 2)]).toEqual([E.ENOENT, E.ENOENT]);
  });

  // covers: IF12
  test('cannot go from mappings that an IOMMU has', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    iommu.map(ioas, memory, PAGE, 0x1000);
    expect(option(program, HUGE_PAGES, SET, ioas, 0)).toBe(E.EINVAL);
    iommu.detach(device.fd);
    expect(option(program, HUGE_PAGES, SET, ioas, 0)).toBe(0);
    iommu.attach(device.fd, ioas);
    expect(option(program, HUGE_PAGES, SET, ioas, 0), 'it is off already').toBe(0);
  });

  // covers: IF12 IF32
  test('off means mappings of whole pages', () => {
    const { program, iommu, ioas, memory } = new Rig().ioas();
    iommu.map(ioas, memory, 100, 0x1000);
    expect(option(program, HUGE_PAGES, SET, ioas, 0)).toBe(E.EADDRINUSE);
    expect(get(program, HUGE_PAGES, ioas)).toBe(1);
    iommu.unmapAll(ioas);
    expect(option(program, HUGE_PAGES, SET, ioas, 0)).toBe(0);
    expect(iommu.map(ioas, memory, 100, 0x1000)).toBe(E.EINVAL);
    expect(iommu.ranges(ioas)).toMatchObject({ alignment: PAGE });
    option(program, HUGE_PAGES, SET, ioas, 1);
    expect(iommu.map(ioas, memory, 100, 0x1000)).toBe(0x1000);
  });
});
