import { describe, expect, test } from 'vitest';
import { Access, type IommufdFile, type UnmapCallback } from '../../src/iommufd/index.ts';
import { E, PAGE, READ, Rig, TOP, UNMAPPED, WRITE } from './ioas-rig.ts';

const BIG_PAGE = BigInt(PAGE);

/** An address space and an emulated device that is attached to it. */
function emulated(onUnmap: (access: Access) => UnmapCallback = () => () => {}) {
  const made = new Rig().ioas([]);
  const { context } = made.program.process.file(made.iommu.fd)!.file as IommufdFile;
  const log: [bigint, bigint][] = [];
  const access = Access.create(context, (iova, length) => {
    log.push([iova, length]);
    onUnmap(access)(iova, length);
  }) as Access;
  return { ...made, context, access, log, attach: () => access.attach(made.ioas) };
}

describe('a kernel user', () => {
  // covers: IF28
  test('is attached once, and replaced only if attached', () => {
    const { iommu, ioas, access } = emulated();
    const other = iommu.allocIoas();
    expect(access.replace(ioas)).toBe(E.ENOENT);
    expect(access.attach(9999)).toBe(E.ENOENT);
    expect([access.attach(ioas), access.attach(ioas)]).toEqual([0, E.EINVAL]);
    expect([access.replace(other), access.replace(other), access.replace(9999)]).toEqual([0, 0, E.ENOENT]);
    expect([iommu.destroy(ioas), iommu.destroy(other)]).toEqual([0, E.EBUSY]);
    access.detach();
    expect(iommu.destroy(other)).toBe(0);
  });

  // covers: IF28 IF03
  test('has a number that DESTROY does not take', () => {
    const { iommu, access } = emulated();
    expect(iommu.destroy(access.id)).toBe(E.EBUSY);
    access.release();
    expect(iommu.destroy(access.id)).toBe(E.ENOENT);
  });

  // covers: IF28 IF32
  test('wants whole pages', () => {
    const { iommu, ioas, memory, access, attach } = emulated();
    iommu.map(ioas, memory, 100, 0x1000);
    expect(attach()).toBe(E.EADDRINUSE);
    expect(iommu.ranges(ioas)).toMatchObject({ alignment: 1 });
    iommu.unmapAll(ioas);
    expect(attach()).toBe(0);
    expect(iommu.ranges(ioas)).toMatchObject({ ranges: [[0n, TOP]], alignment: PAGE });
    expect(iommu.map(ioas, memory, 100, 0x1000)).toBe(E.EINVAL);
    access.detach();
    expect(iommu.map(ioas, memory, 100, 0x1000)).toBe(0x1000);
  });

  // covers: IF28
  test('that is replaced is asked for everything, and reaches nothing meanwhile', () => {
    const seen: unknown[] = [];
    const { iommu, ioas, memory, access, attach, log, program } = emulated((own) => () => {
      seen.push(own.pin(0n, BIG_PAGE, false), own.copy(0n, new Uint8Array(1), false));
      seen.push(own.replace(1), own.attach(1));
      own.unpin(0n, BIG_PAGE);
    });
    iommu.map(ioas, memory, PAGE, 0);
    const other = iommu.allocIoas();
    attach();
    access.pin(0n, BIG_PAGE, false);
    expect(access.replace(other)).toBe(0);
    expect(log).toEqual([[0n, TOP]]);
    expect(seen).toEqual([E.ENOENT, E.ENOENT, E.ENOENT, E.EBUSY]);
    expect(program.process.pinnedPages, 'what was pinned could be given back').toBe(0);
  });
});

describe('pinning', () => {
  // covers: IF28
  test('gives the pages one by one, of several mappings that touch', () => {
    const { program, rig, iommu, ioas, memory, access, attach } = emulated();
    attach();
    iommu.map(ioas, memory, 2 * PAGE, 0x10000);
    iommu.map(ioas, memory + 8 * PAGE, 2 * PAGE, 0x12000);
    for (const [page, value] of [
      [1, 11],
      [8, 18],
    ] as const)
      program.poke(memory + page * PAGE, value);
    const pages = access.pin(0x11000n, 2n * BIG_PAGE, true) as number[];
    const inMemory = pages.map((page) => {
      const into = new Uint8Array(1);
      rig.hardware.memory.read(page, into);
      return into[0];
    });
    expect(inMemory).toEqual([11, 18]);
    expect([program.process.pinnedPages, program.process.user.lockedPages]).toEqual([2, 2]);
    access.unpin(0x11000n, 2n * BIG_PAGE);
    expect([program.process.pinnedPages, program.process.user.lockedPages]).toEqual([0, 0]);
  });

  // covers: IF28
  test('is refused in the order of the kernel, and pins all or nothing', () => {
    const { program, iommu, ioas, memory, access, attach } = emulated();
    expect(access.pin(0n, 0n, false)).toBe(E.EINVAL);
    expect(access.pin(BIG_PAGE, TOP, false)).toBe(E.EOVERFLOW);
    expect(access.pin(0n, BIG_PAGE, false), 'not attached').toBe(E.ENOENT);
    attach();
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory, PAGE, 0x2000, READ);
    iommu.map(ioas, memory, PAGE, 0x3000, WRITE);
    iommu.map(ioas, UNMAPPED, PAGE, 0x4000);
    expect(access.pin(0x0800n, BIG_PAGE, false)).toBe(E.ENOENT);
    expect(access.pin(0x1800n, 1n, false), 'begins within a page').toBe(E.EINVAL);
    expect(access.pin(0x1000n, 2n * BIG_PAGE, true)).toBe(E.EPERM);
    expect(access.pin(0x1000n, 3n * BIG_PAGE, false)).toBe(E.EPERM);
    expect(access.pin(0x2000n, 8n * BIG_PAGE, true), 'what comes first counts').toBe(E.EPERM);
    expect(access.pin(0x3000n, 2n * BIG_PAGE, true)).toBe(E.EFAULT);
    iommu.unmap(ioas, 0x4000, PAGE);
    expect(access.pin(0x3000n, 2n * BIG_PAGE, true)).toBe(E.ENOENT);
    expect(program.process.pinnedPages).toBe(0);
    program.process.memlockLimit = 0;
    expect(access.pin(0x1000n, BIG_PAGE, true)).toBe(E.ENOMEM);
  });

  // covers: IF28
  test('that fails gives back what it pinned itself, and nothing else', () => {
    const { program, iommu, ioas, memory, access, attach } = emulated();
    attach();
    iommu.map(ioas, memory, 2 * PAGE, 0x1000);
    access.pin(0x1000n, BIG_PAGE, true);
    expect(access.pin(0x1000n, 4n * BIG_PAGE, true)).toBe(E.ENOENT);
    expect(program.process.pinnedPages).toBe(1);
    expect(iommu.unmapAll(ioas), 'the first pin still holds').toBe(E.EDEADLK);
  });

  // covers: IF28 IF10
  test('shares its pages with devices and other pins', () => {
    const { program, iommu, ioas, memory, access, attach } = emulated();
    attach();
    iommu.map(ioas, memory, 2 * PAGE, 0x1000);
    iommu.attach(program.device(0).fd, ioas);
    access.pin(0x1000n, BIG_PAGE, true);
    access.pin(0x1000n, 2n * BIG_PAGE, true);
    expect(program.process.pinnedPages).toBe(2);
    access.unpin(0x1000n, BIG_PAGE);
    access.unpin(0x1000n, 2n * BIG_PAGE);
    expect(iommu.unmapAll(ioas)).toBe(2 * PAGE);
  });
});

describe('unmapping pinned memory', () => {
  // covers: IF28 IF11
  test('asks for it first', () => {
    const { iommu, ioas, memory, access, attach, log } = emulated((own) => (iova, length) => own.unpin(iova, length));
    attach();
    for (const iova of [0x1000, 0x2000, 0x4000]) iommu.map(ioas, memory, PAGE, iova);
    access.pin(0x2000n, BIG_PAGE, true);
    expect(iommu.unmap(ioas, 0, 0x8000)).toBe(3 * PAGE);
    expect(log).toEqual([[0x2000n, BIG_PAGE]]);
  });

  // covers: IF28 IF11
  test('gives up with EDEADLK on who never answers', () => {
    const { program, iommu, ioas, memory, access, attach, log } = emulated();
    attach();
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory, PAGE, 0x2000);
    access.pin(0x2000n, BIG_PAGE, true);
    expect(iommu.unmapAll(ioas)).toBe(E.EDEADLK);
    expect(log).toHaveLength(101);
    expect(program.process.pinnedPages).toBe(1);
    expect(access.pin(0x2000n, BIG_PAGE, true), 'there is no way back').toBe(E.EINVAL);
    expect(access.copy(0x2000n, new Uint8Array(1), false)).toBe(E.EINVAL);
    access.unpin(0x2000n, BIG_PAGE);
    expect(iommu.unmapAll(ioas), 'the first page went at once').toBe(PAGE);
  });

  // covers: IF28 IF11
  test('does not touch what its user maps meanwhile behind it', () => {
    const made = emulated((own) => (iova, length) => {
      own.unpin(iova, length);
      made.iommu.map(made.ioas, made.memory, PAGE, 0x1000);
    });
    const { iommu, ioas, memory, access, attach } = made;
    attach();
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory, PAGE, 0x2000);
    access.pin(0x2000n, BIG_PAGE, true);
    expect(iommu.unmap(ioas, 0x1000, 2 * PAGE)).toBe(2 * PAGE);
    expect(iommu.unmap(ioas, 0x1000, PAGE), 'mapped by the callback').toBe(PAGE);
  });
});

describe('copying', () => {
  // covers: IF28
  test('goes where a mapping allows it, byte by byte', () => {
    const { program, iommu, ioas, memory, access, attach } = emulated();
    attach();
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory + 4 * PAGE, PAGE, 0x2000, READ);
    program.poke(memory + PAGE - 1, 1);
    program.poke(memory + 4 * PAGE, 2);
    const into = new Uint8Array(2);
    expect(access.copy(0x1fffn, into, false)).toBe(0);
    expect([...into]).toEqual([1, 2]);
    expect(access.copy(0x1fffn, Uint8Array.of(8, 9), true)).toBe(E.EPERM);
    expect([program.peek(memory + PAGE - 1), program.peek(memory + 4 * PAGE)], 'as far as it came').toEqual([8, 2]);
    expect(access.copy(0x2fffn, into, false)).toBe(E.ENOENT);
    expect(access.copy(0x1000n, new Uint8Array(0), false)).toBe(E.EINVAL);
    iommu.map(ioas, UNMAPPED, PAGE, 0x8000);
    for (const write of [false, true]) expect(access.copy(0x8000n, into, write)).toBe(E.EFAULT);
    expect(program.process.pinnedPages).toBe(0);
  });
});
