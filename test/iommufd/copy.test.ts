import { describe, expect, test } from 'vitest';
import { E, MIB, PAGE, type Prepared, READ, Rig, TOP, UNMAPPED, WRITE } from './ioas-rig.ts';

/** A second address space, with device 1 attached. */
function second({ program, iommu }: Prepared) {
  const other = program.device(1);
  const target = iommu.allocIoas();
  iommu.attach(other.fd, target);
  return { other, target };
}

describe('COPY', () => {
  // covers: IF10
  test('maps a part of what another address space has', () => {
    const made = new Rig().attached();
    const { program, iommu, ioas, memory } = made;
    const { other, target } = second(made);
    for (let page = 0; page < 4; page++) program.poke(memory + page * PAGE, page + 1);
    iommu.map(ioas, memory, 4 * PAGE, 0x10000);
    expect(iommu.copy(target, ioas, 0x11000, 2 * PAGE, 0x50000)).toBe(0x50000);
    expect([0x50000, 0x51000, 0x52000].map((iova) => other.read(iova))).toEqual([2, 3, undefined]);
    other.write(0x51000, 9);
    expect(program.peek(memory + 2 * PAGE)).toBe(9);
  });

  // covers: IF10
  test('spans mappings that touch, not holes', () => {
    const made = new Rig().attached();
    const { program, iommu, ioas, memory } = made;
    const { other, target } = second(made);
    program.poke(memory + PAGE, 1);
    program.poke(memory + 8 * PAGE, 2);
    iommu.map(ioas, memory, 2 * PAGE, 0x10000);
    iommu.map(ioas, memory + 8 * PAGE, 2 * PAGE, 0x12000);
    iommu.map(ioas, memory, PAGE, 0x16000);
    expect(iommu.copy(target, ioas, 0x11000, 2 * PAGE, 0x50000)).toBe(0x50000);
    expect([other.read(0x50000), other.read(0x51000)]).toEqual([1, 2]);
    for (const [iova, pages] of [
      [0xf000, 2],
      [0x13000, 2],
      [0x13000, 4],
      [0x20000, 1],
    ] as const)
      expect(iommu.copy(target, ioas, iova, pages * PAGE, 0x60000)).toBe(E.ENOENT);
    expect(other.read(0x60000)).toBeUndefined();
    expect(iommu.unmap(target, 0x50000, PAGE), 'the copy is of two pieces').toBe(PAGE);
  });

  // covers: IF10
  test('is not writable where the original is not', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    const target = iommu.allocIoas();
    iommu.map(ioas, memory, PAGE, 0x1000, READ);
    expect(iommu.copy(target, ioas, 0x1000, PAGE, 0x1000)).toBe(E.EPERM);
    expect(iommu.copy(target, ioas, 0x1000, PAGE, 0x1000, WRITE)).toBe(E.EPERM);
    expect(iommu.copy(target, ioas, 0x1000, PAGE, 0x1000, READ)).toBe(0x1000);
    iommu.map(ioas, memory, PAGE, 0x2000, READ | WRITE);
    iommu.copy(target, ioas, 0x2000, PAGE, 0x2000, READ);
    expect(iommu.copy(ioas, target, 0x2000, PAGE, 0x8000), 'the pages are, though the copy was not').toBe(0x8000);
  });

  // covers: IF10
  test('is refused before any of it is mapped', () => {
    const made = new Rig().attached();
    const { iommu, ioas, memory, program } = made;
    const { other, target } = second(made);
    const plain = iommu.allocIoas();
    iommu.map(plain, UNMAPPED, PAGE, 0x1000);
    iommu.map(plain, memory, PAGE, 0x2000, READ);
    expect(iommu.copy(target, plain, 0x1000, 2 * PAGE, 0x1000), 'permissions before pages').toBe(E.EPERM);
    expect(iommu.copy(target, plain, 0x1000, 2 * PAGE, 0x1000, READ)).toBe(E.EFAULT);
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory, PAGE, 0x2000, READ);
    expect(iommu.copy(target, ioas, 0x1000, 2 * PAGE, 0x1000)).toBe(E.EPERM);
    expect([other.read(0x1000), program.process.pinnedPages]).toEqual([undefined, 2]);
    expect(iommu.unmapAll(target)).toBe(0);
  });

  // covers: IF10
  test('is checked in the order of the kernel', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.map(ioas, memory, PAGE, 0x1000);
    const copy = (fields: Readonly<Record<string, number | bigint>>): number => iommu.call('IOAS_COPY', fields);
    const wrong = { src_ioas_id: 9999, dst_ioas_id: 9998, src_iova: 0x8000, length: TOP };
    expect(copy({ ...wrong, flags: 8 })).toBe(E.EOPNOTSUPP);
    expect(copy({ ...wrong, flags: 0 })).toBe(E.EOVERFLOW);
    expect(copy({ ...wrong, flags: 0, length: 0, src_iova: TOP })).toBe(E.EOVERFLOW);
    expect(copy({ ...wrong, flags: 0, length: 0, dst_iova: TOP })).toBe(E.EOVERFLOW);
    expect(copy({ ...wrong, flags: 1, length: 0 })).toBe(E.EINVAL);
    expect(copy({ ...wrong, flags: 7, length: 0 })).toBe(E.ENOENT);
    const from = { ...wrong, flags: 7, src_ioas_id: ioas };
    expect(copy({ ...from, length: 0 })).toBe(E.EINVAL);
    expect(copy({ ...from, length: TOP - 1n })).toBe(E.EOVERFLOW);
    expect(copy({ ...from, length: PAGE }), 'the source').toBe(E.ENOENT);
    expect(copy({ ...from, length: PAGE, src_iova: 0x1000 }), 'the target').toBe(E.ENOENT);
    expect(copy({ ...from, length: PAGE, src_iova: 0x1000, dst_ioas_id: ioas, dst_iova: 0x1000 })).toBe(E.EEXIST);
  });

  // covers: IF10
  test('works within one address space, and is placed like any mapping', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    iommu.map(ioas, memory, 4 * MIB, 0x1000_0000);
    expect(iommu.copy(ioas, ioas, 0x1000_1000, 0x1000)).toBe(0x1000);
    expect(iommu.copy(ioas, ioas, 0x1000_4000, 0x4000), 'aligned as its memory').toBe(0x4000);
    expect(iommu.copy(ioas, ioas, 0x1000_0010, 1, 0x9000)).toBe(0x9000);
  });

  // covers: IF10 IF31
  test('shares the pages, which are pinned and paid for once', () => {
    const made = new Rig().attached([]);
    const { program, iommu, ioas, memory } = made;
    const { other, target } = second(made);
    const paid = () => [program.process.pinnedPages, program.process.user.lockedPages];
    program.process.memlockLimit = 4 * PAGE;
    iommu.map(ioas, memory, 4 * PAGE, 0x10000);
    expect(iommu.copy(target, ioas, 0x10000, 4 * PAGE, 0x10000)).toBe(0x10000);
    expect(paid()).toEqual([4, 4]);
    iommu.unmapAll(ioas);
    expect(paid(), 'the copy still has them').toEqual([4, 4]);
    expect(other.read(0x10000)).toBe(0);
    iommu.unmapAll(target);
    expect(paid()).toEqual([0, 0]);
  });

  // covers: IF10
  test('of memory that the program has since replaced is of the pages that the original holds', () => {
    const made = new Rig().attached();
    const { program, iommu, ioas } = made;
    const { other, target } = second(made);
    const memory = program.allocate(PAGE);
    program.poke(memory, 42);
    iommu.map(ioas, memory, PAGE, 0x1000);
    program.process.munmap(memory);
    expect(iommu.map(ioas, memory, PAGE, 0x8000), 'a new mapping finds nothing there').toBe(E.EFAULT);
    expect(iommu.copy(target, ioas, 0x1000, PAGE, 0x1000)).toBe(0x1000);
    expect(other.read(0x1000)).toBe(42);
    iommu.unmapAll(ioas);
    expect(other.read(0x1000)).toBe(42);
  });
});
