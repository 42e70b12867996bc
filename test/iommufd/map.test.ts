import { describe, expect, test } from 'vitest';
import { E, MIB, PAGE, READ, Rig, TOP, UNMAPPED, WRITE } from './ioas-rig.ts';

// covers: IF07 IF11 HW08
test('a device reads and writes what is mapped for it, until it is unmapped', () => {
  const { program, iommu, ioas, memory, device } = new Rig().attached();
  program.poke(memory + PAGE, 7);
  expect(device.read(0x11000)).toBeUndefined();
  expect(iommu.map(ioas, memory, 2 * PAGE, 0x10000)).toBe(0x10000);
  expect(device.read(0x11000)).toBe(7);
  expect(device.write(0x10000, 9)).toBe(true);
  expect(program.peek(memory)).toBe(9);
  expect(device.read(0x12000), 'one byte behind').toBeUndefined();
  expect(iommu.unmap(ioas, 0x10000, 2 * PAGE)).toBe(2 * PAGE);
  expect([device.read(0x11000), device.write(0x10000, 1)]).toEqual([undefined, false]);
  expect(program.peek(memory)).toBe(9);
});

// covers: IF07
test('what was mapped before a device came is there for it, and gone when it has left', () => {
  const { program, iommu, ioas, memory } = new Rig().ioas();
  program.poke(memory, 3);
  iommu.map(ioas, memory, PAGE, 0x1000);
  expect(program.process.pinnedPages, 'nothing is pinned for nobody').toBe(0);
  const device = program.device(0);
  expect(device.read(0x1000)).toBeUndefined();
  iommu.attach(device.fd, ioas);
  expect([device.read(0x1000), program.process.pinnedPages]).toEqual([3, 1]);
  iommu.detach(device.fd);
  expect([device.read(0x1000), program.process.pinnedPages]).toEqual([undefined, 0]);
});

// covers: IF07
test('devices of two address spaces see two memories, and never each other’s', () => {
  const { program, iommu, ioas, memory, device } = new Rig().attached();
  const other = program.device(1);
  const second = iommu.allocIoas();
  iommu.attach(other.fd, second);
  program.poke(memory, 1);
  program.poke(memory + PAGE, 2);
  iommu.map(ioas, memory, PAGE, 0x1000);
  iommu.map(second, memory + PAGE, PAGE, 0x1000);
  iommu.map(second, memory + PAGE, PAGE, 0x2000);
  expect([device.read(0x1000), other.read(0x1000)]).toEqual([1, 2]);
  expect([device.read(0x2000), other.read(0x2000)]).toEqual([undefined, 2]);
  iommu.unmapAll(second);
  expect([device.read(0x1000), other.read(0x1000)]).toEqual([1, undefined]);
});

// covers: IF07
test.each([
  ['READABLE', READ, 5, false],
  ['WRITEABLE', WRITE, undefined, true],
  ['both', READ | WRITE, 5, true],
])('a mapping that is %s lets nothing else through', (_flags, flags, read, write) => {
  const { program, iommu, ioas, memory, device } = new Rig().attached();
  program.poke(memory, 5);
  iommu.map(ioas, memory, PAGE, 0x1000, flags);
  expect([device.read(0x1000), device.write(0x1000, 6)]).toEqual([read, write]);
  expect(program.peek(memory)).toBe(write ? 6 : 5);
});

describe('MAP', () => {
  // covers: IF07
  test('is checked in the order of the kernel', () => {
    const { iommu, ioas } = new Rig().ioas();
    const map = (fields: Readonly<Record<string, number | bigint>>): number => iommu.call('IOAS_MAP', fields);
    const wrong = { ioas_id: 9999, iova: TOP, length: TOP, user_va: TOP };
    expect(map({ ...wrong, flags: 8 })).toBe(E.EOPNOTSUPP);
    expect(map({ ...wrong, flags: 0x8000_0007 })).toBe(E.EOPNOTSUPP);
    expect(map({ ...wrong, flags: 7, __reserved: 1 })).toBe(E.EOPNOTSUPP);
    expect(map({ ...wrong, flags: 0 })).toBe(E.EOVERFLOW);
    expect(map({ ...wrong, flags: 0, iova: TOP - 1n })).toBe(E.EOVERFLOW);
    expect(map({ ...wrong, flags: 1, iova: 0, length: 0 })).toBe(E.EINVAL);
    expect(map({ ...wrong, flags: 0, iova: 0, length: 0 })).toBe(E.EINVAL);
    expect(map({ ...wrong, flags: 7, iova: 0, length: 0 })).toBe(E.ENOENT);
    expect(map({ ...wrong, flags: 7, ioas_id: ioas, iova: 0, length: 2 })).toBe(E.EOVERFLOW);
    expect(map({ ...wrong, flags: 7, ioas_id: ioas, iova: 0, length: 0 })).toBe(E.EINVAL);
    expect(map({ flags: 7, ioas_id: ioas, iova: 0, length: TOP - 0xfffn }), 'more than pages can be counted').toBe(
      E.EINVAL,
    );
  });

  // covers: IF07
  test('at a fixed IOVA must not go round the end, nor touch what is reserved or mapped', () => {
    const { iommu, ioas, memory } = new Rig().attached();
    expect(iommu.map(ioas, memory, 2 * PAGE, TOP - 0xfffn)).toBe(E.EOVERFLOW);
    expect(iommu.map(ioas, memory, PAGE, 0xfee0_0000), 'interrupt messages').toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, 2 * PAGE, 0xfedf_f000), 'reaching into them').toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE, 2 ** 48), 'beyond the IOMMU').toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE, 2 ** 48 - PAGE)).toBe(2 ** 48 - PAGE);
    expect(iommu.map(ioas, memory, 4 * PAGE, 0x10000)).toBe(0x10000);
    for (const [iova, pages] of [
      [0x10000, 4],
      [0x0f000, 2],
      [0x13000, 2],
      [0x11000, 1],
      [0x0f000, 8],
    ] as const)
      expect(iommu.map(ioas, memory, pages * PAGE, iova)).toBe(E.EEXIST);
    expect(iommu.map(ioas, memory, PAGE, 0x14000)).toBe(0x14000);
    expect(iommu.map(ioas, memory, PAGE, 0), 'the lowest page can be asked for').toBe(0);
  });

  // covers: IF07
  test('overlaps by a byte where nothing is attached', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.map(ioas, memory, 10, 100)).toBe(100);
    expect([iommu.map(ioas, memory, 1, 109), iommu.map(ioas, memory, 10, 91)]).toEqual([E.EEXIST, E.EEXIST]);
    expect([iommu.map(ioas, memory, 1, 110), iommu.map(ioas, memory, 9, 91)]).toEqual([110, 91]);
  });

  // covers: IF07
  test('faults on memory that is not there or not writable, and leaves nothing', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    const locked = program.locked(Uint8Array.of(8));
    expect(iommu.map(ioas, UNMAPPED, PAGE, 0x1000)).toBe(E.EFAULT);
    expect(iommu.map(ioas, 0xffff_ffff_ffff_f000n - 0x1000n, PAGE, 0x1000)).toBe(E.EFAULT);
    expect(iommu.map(ioas, memory + 4 * MIB - PAGE, 2 * PAGE, 0x1000), 'the second page').toBe(E.EFAULT);
    expect(iommu.map(ioas, locked, PAGE, 0x1000)).toBe(E.EFAULT);
    expect([program.process.pinnedPages, device.read(0x1000)]).toEqual([0, undefined]);
    expect(iommu.map(ioas, locked, PAGE, 0x1000, READ)).toBe(0x1000);
    expect(device.read(0x1000)).toBe(8);
  });

  // covers: IF07 IF17
  test('looks at memory only when a device is attached, which then fails', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    expect(iommu.map(ioas, UNMAPPED, PAGE, 0x1000)).toBe(0x1000);
    const device = program.device(0);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EFAULT);
    expect(iommu.ranges(ioas), 'as if it had not been tried').toEqual({ ranges: [[0n, TOP]], alignment: 1 });
    iommu.unmapAll(ioas);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
  });

  // covers: IF07
  test('refuses mapped registers of a device, which are no memory to pin', () => {
    const { program, iommu, ioas, device } = new Rig().attached();
    const bar = program.process.mmap(device.fd, 0, PAGE, { read: true, write: true, shared: true });
    expect(bar).toBeGreaterThan(0);
    expect(iommu.map(ioas, bar, PAGE, 0x1000)).toBe(E.EFAULT);
  });
});
