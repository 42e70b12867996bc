import { describe, expect, test } from 'vitest';
import { E, MIB, PAGE, Rig, TOP, UNMAPPED } from './ioas-rig.ts';

/** What a device leaves: below and above the window of interrupt messages, up to 48 bits. */
const BELOW_MSI = [0n, 0xfedf_ffffn] as const;
const ABOVE_MSI = [0xfef0_0000n, 0xffff_ffff_ffffn] as const;

// covers: IF04
test('IOAS_ALLOC takes no flags', () => {
  const { iommu } = new Rig().program();
  for (const flags of [1, 0x8000_0000]) expect(iommu.call('IOAS_ALLOC', { flags })).toBe(E.EOPNOTSUPP);
  expect(iommu.allocIoas()).toBe(1);
});

describe('IOVA_RANGES', () => {
  // covers: IF05
  test('are everything at first, and what a device leaves while it is attached', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    expect(iommu.ranges(ioas)).toEqual({ ranges: [[0n, TOP]], alignment: 1 });
    const device = program.device(0);
    expect(iommu.ranges(ioas), 'bound is not attached').toMatchObject({ ranges: [[0n, TOP]] });
    iommu.attach(device.fd, ioas);
    expect(iommu.ranges(ioas)).toEqual({ ranges: [BELOW_MSI, ABOVE_MSI], alignment: PAGE });
    iommu.detach(device.fd);
    expect(iommu.ranges(ioas)).toEqual({ ranges: [[0n, TOP]], alignment: 1 });
  });

  // covers: IF05
  test('stay reduced until the last device has left', () => {
    const { program, iommu, ioas, device } = new Rig().attached();
    iommu.attach(program.device(1).fd, ioas);
    iommu.detach(device.fd);
    expect(iommu.ranges(ioas)).toMatchObject({ ranges: [BELOW_MSI, ABOVE_MSI] });
  });

  // covers: IF05
  test('begin where the IOMMU begins', () => {
    const { iommu, ioas } = new Rig({ aperture: [0x1_0000_0000, 2 ** 48 - 1] }).attached();
    expect(iommu.ranges(ioas)).toMatchObject({ ranges: [[0x1_0000_0000n, 0xffff_ffff_ffffn]] });
  });

  // covers: IF05
  test('are written as far as there is room, and counted with EMSGSIZE', () => {
    const { program, iommu, ioas } = new Rig().attached();
    const list = program.allocate(PAGE);
    const ask = (num_iovas: number, allowed_iovas = list): number =>
      iommu.call('IOAS_IOVA_RANGES', { ioas_id: ioas, num_iovas, allowed_iovas });
    program.process.memory.write(list, new Uint8Array(32).fill(0xee));
    expect([ask(1), iommu.field('IOAS_IOVA_RANGES', 'num_iovas')]).toEqual([E.EMSGSIZE, 2]);
    expect(iommu.field('IOAS_IOVA_RANGES', 'out_iova_alignment')).toBe(PAGE);
    const first = new BigUint64Array(program.process.memory.read(list, 16)!.buffer);
    expect([...first]).toEqual(BELOW_MSI);
    expect([...program.process.memory.read(list + 16, 16)!], 'no room for the second').toEqual(Array(16).fill(0xee));
    expect([ask(0, UNMAPPED), iommu.field('IOAS_IOVA_RANGES', 'num_iovas')]).toEqual([E.EMSGSIZE, 2]);
    expect(ask(2)).toBe(0);
    expect(ask(2, UNMAPPED)).toBe(E.EFAULT);
    expect(ask(2, list + PAGE - 16), 'the second range is beyond the page').toBe(E.EFAULT);
  });

  // covers: IF05
  test('are of address spaces only', () => {
    const { iommu, ioas, device } = new Rig().attached();
    expect(iommu.ranges(9999)).toBe(E.ENOENT);
    expect(iommu.ranges(device.id)).toBe(E.ENOENT);
    expect(iommu.call('IOAS_IOVA_RANGES', { ioas_id: 9999, __reserved: 1 })).toBe(E.EOPNOTSUPP);
    expect(iommu.call('IOAS_IOVA_RANGES', { ioas_id: ioas, __reserved: 1 })).toBe(E.EOPNOTSUPP);
  });
});

describe('ALLOW_IOVAS', () => {
  // covers: IF06
  test('refuses ranges without length, and ranges that overlap', () => {
    const { iommu, ioas } = new Rig().ioas();
    expect(iommu.allow(ioas, [[5n, 5n]])).toBe(E.EINVAL);
    expect(iommu.allow(ioas, [[6n, 5n]])).toBe(E.EINVAL);
    expect(
      iommu.allow(ioas, [
        [0x3000n, 0x5000n],
        [0x1000n, 0x3000n],
      ]),
    ).toBe(E.EINVAL);
    expect(
      iommu.allow(ioas, [
        [0x3000n, 0x5000n],
        [0x1000n, 0x2fffn],
      ]),
    ).toBe(0);
    expect(iommu.allow(9999, [])).toBe(E.ENOENT);
    expect(iommu.call('IOAS_ALLOW_IOVAS', { ioas_id: 9999, __reserved: 1 })).toBe(E.EOPNOTSUPP);
    expect(iommu.call('IOAS_ALLOW_IOVAS', { ioas_id: ioas, num_iovas: 1, allowed_iovas: UNMAPPED })).toBe(E.EFAULT);
  });

  // covers: IF06
  test('is EADDRINUSE for what a device reserves', () => {
    const { iommu, ioas, memory } = new Rig().attached();
    expect(iommu.allow(ioas, [[0xfeef_f000n, 0xfeef_ffffn]])).toBe(E.EADDRINUSE);
    expect(iommu.allow(ioas, [[0x1000n, 1n << 48n]])).toBe(E.EADDRINUSE);
    expect(iommu.allow(ioas, [[BELOW_MSI[1] + 1n - 0x1000n, BELOW_MSI[1]]])).toBe(0);
    expect(iommu.map(ioas, memory, PAGE)).toBe(Number(BELOW_MSI[1]) + 1 - PAGE);
  });

  // covers: IF06
  test('replaces the list, all of it or nothing, and clears it with none', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.allow(ioas, [[0x50_0000n, 0x5f_ffffn]]);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x50_0000);
    expect(
      iommu.allow(ioas, [
        [0x70_0000n, 0x7f_ffffn],
        [0x80_0000n, 0x80_0000n],
      ]),
    ).toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE), 'still the old one').toBe(0x50_1000);
    iommu.allow(ioas, [[0x70_0000n, 0x7f_ffffn]]);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x70_0000);
    iommu.allow(ioas, []);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x1000);
  });

  // covers: IF06
  test('guides automatic placement, and nothing else', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.map(ioas, memory, PAGE, 0x20_0000);
    expect(iommu.allow(ioas, [[0x50_0000n, 0x5f_ffffn]]), 'with a mapping outside').toBe(0);
    expect(iommu.map(ioas, memory, PAGE, 0x30_0000)).toBe(0x30_0000);
    expect(iommu.ranges(ioas)).toMatchObject({ ranges: [[0n, TOP]] });
  });
});

describe('the alignment', () => {
  // covers: IF32
  test('is a byte until a device is attached, and again when it has left', () => {
    const { program, iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.map(ioas, memory + 3, 1, 0x1003)).toBe(0x1003);
    expect(iommu.map(ioas, memory + 5, 7, 1)).toBe(1);
    iommu.unmapAll(ioas);
    const device = program.device(0);
    iommu.attach(device.fd, ioas);
    expect(iommu.map(ioas, memory, 1, 0x1000), 'length').toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE, 0x1001), 'iova').toBe(E.EINVAL);
    expect(iommu.map(ioas, memory + 1, PAGE, 0x1000), 'address').toBe(E.EINVAL);
    iommu.detach(device.fd);
    expect(iommu.map(ioas, memory + 1, 1, 0x1003)).toBe(0x1003);
  });

  // covers: IF32 IF17
  test.each([
    ['iova', 0x1001, 0, PAGE],
    ['address', 0x1000, 1, PAGE],
    ['length', 0x1000, 0, PAGE + 1],
  ])('a mapping whose %s no IOMMU can express keeps devices away', (_what, iova, offset, length) => {
    const { program, iommu, ioas, memory } = new Rig().ioas();
    iommu.map(ioas, memory + offset, length, iova);
    const device = program.device(0);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EADDRINUSE);
    expect(iommu.ranges(ioas)).toEqual({ ranges: [[0n, TOP]], alignment: 1 });
    iommu.unmapAll(ioas);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
  });

  // covers: IF32 IF17
  test('an IOMMU whose smallest page is bigger than the processor’s cannot be used', () => {
    const { program, iommu, ioas } = new Rig({ pageSizes: [0x1_0000] }).ioas();
    expect(iommu.attach(program.device(0).fd, ioas)).toBe(E.EINVAL);
  });

  // covers: IF32
  test('can be smaller than a page where the IOMMU’s pages are', () => {
    const { iommu, ioas, memory, device, program } = new Rig({ pageSizes: [0x400, 0x1000] }).attached();
    program.poke(memory + 0x400, 1, 2);
    expect(iommu.ranges(ioas)).toMatchObject({ alignment: 0x400 });
    expect(iommu.map(ioas, memory + 0x400, 0x400, MIB)).toBe(MIB);
    expect([device.read(MIB), device.read(MIB + 1), device.read(MIB + 0x400)]).toEqual([1, 2, undefined]);
    expect(iommu.map(ioas, memory + 0x200, 0x400, 2 * MIB)).toBe(E.EINVAL);
  });
});
