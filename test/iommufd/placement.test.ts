import { describe, expect, test } from 'vitest';
import { E, MIB, PAGE, Rig, TOP } from './ioas-rig.ts';

describe('an IOVA that the kernel chooses', () => {
  // covers: IF08
  test('is the lowest that fits, and never 0', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x1000);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x2000);
    iommu.map(ioas, memory, PAGE, 0x4000);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x3000);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x5000);
    iommu.unmap(ioas, 0x2000, PAGE);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x2000);
  });

  // covers: IF08
  test('keeps the offset of the memory in its page', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.map(ioas, memory + 0x123, 16)).toBe(0x1123);
    expect(iommu.map(ioas, memory + 0x7f0, 0x10)).toBe(0x17f0);
  });

  // covers: IF08
  test.each([
    ['to the length, rounded up to a power of two', 0, 0x3000, 0x4000],
    ['no better than the address is', 0x2000, 0x8000, 0x2000],
    ['not at all for a page in the middle of somewhere', 0x3000, 0x1000, 0x1000],
    ['to 2 MiB at most', 0, 3 * MIB, 2 * MIB],
  ])('is aligned %s', (_how, offset, length, expected) => {
    const { iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.map(ioas, memory + offset, length)).toBe(expected);
  });

  // covers: IF08
  test('steps over what devices reserve', () => {
    const { iommu, ioas, memory } = new Rig().attached();
    iommu.allow(ioas, []);
    expect(iommu.map(ioas, memory, PAGE, 0xfedf_f000)).toBe(0xfedf_f000);
    iommu.unmapAll(ioas);
    const end = new Rig({ aperture: [0xfed0_0000, 0xffff_ffff] }).attached();
    expect(end.iommu.map(end.ioas, end.memory, MIB)).toBe(0xfed0_0000);
    expect(end.iommu.map(end.ioas, end.memory, MIB)).toBe(0xfef0_0000);
  });

  // covers: IF08
  test('needs a hole that is long enough after aligning', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.allow(ioas, [[0x1_1000n, 0x1_4fffn]]);
    expect(iommu.map(ioas, memory, 0x4000)).toBe(E.ENOSPC);
    expect(iommu.map(ioas, memory + 0x1000, 0x4000)).toBe(0x11000);
  });

  // covers: IF08 IF06
  test('is in the allowed windows, the lowest first, and ENOSPC when they are full', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.allow(ioas, [
      [0x80_0000n, 0x80_0fffn],
      [0x40_0000n, 0x40_1fffn],
    ]);
    const places = [1, 2, 3, 4].map(() => iommu.map(ioas, memory, PAGE));
    expect(places).toEqual([0x40_0000, 0x40_1000, 0x80_0000, E.ENOSPC]);
  });

  // covers: IF08 IF06
  test('may lie across two windows that touch', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.allow(ioas, [
      [0x40_0000n, 0x40_0fffn],
      [0x40_1000n, 0x40_1fffn],
    ]);
    expect(iommu.map(ioas, memory, 2 * PAGE)).toBe(0x40_0000);
  });

  // covers: IF08 IF06
  test('is not in the lowest page nor in the highest, allowed or not', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.allow(ioas, [
      [0n, 0xfffn],
      [TOP - 0xfffn, TOP],
    ]);
    expect(iommu.map(ioas, memory, PAGE)).toBe(E.ENOSPC);
    iommu.allow(ioas, [[0n, 0x1fffn]]);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x1000);
  });

  // covers: IF08
  test('never wraps at the end of the address space', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    const nearTop = TOP - 0x6fffn;
    iommu.allow(ioas, [[nearTop, TOP]]);
    expect(iommu.map(ioas, memory, 0x5000), 'there is room, but aligning goes round').toBe(E.ENOSPC);
    expect(iommu.map(ioas, memory, PAGE)).toBe(Number(nearTop));
  });

  // covers: IF08
  test('is there for no length beyond half of the address space', () => {
    const { iommu, ioas } = new Rig().ioas();
    expect(iommu.map(ioas, 0, 2n ** 63n)).toBe(E.EOVERFLOW);
    expect(iommu.map(ioas, 0, TOP / 2n)).toBe(E.EOVERFLOW);
  });

  // covers: IF08 IF32
  test('needs memory as aligned as the IOMMU’s pages', () => {
    const { iommu, ioas, memory } = new Rig().attached();
    expect(iommu.map(ioas, memory + 0x800, PAGE)).toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, 0x800)).toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE)).toBe(0x1000);
  });

  // covers: IF08
  test('is where the device finds the memory', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    program.poke(memory + 0x3000, 77);
    const iova = iommu.map(ioas, memory + 0x2000, 0x2000);
    expect(device.read(iova + 0x1000)).toBe(77);
  });
});
