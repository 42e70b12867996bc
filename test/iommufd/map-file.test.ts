import { describe, expect, test } from 'vitest';
import { E, PAGE, Rig, TOP } from './ioas-rig.ts';

/** A program with an attached device, and a memory file of 4 pages that begin with 1 to 4. */
function withFile(capabilities?: []) {
  const made = new Rig().attached(capabilities);
  const { process } = made.program;
  const fd = process.memfd(4 * PAGE);
  for (let page = 0; page < 4; page++) {
    made.program.poke(made.memory, page + 1);
    process.pwrite(fd, made.memory, 1, page * PAGE);
  }
  const inFile = (at: number): number => {
    process.pread(fd, made.memory, 1, at);
    return made.program.peek(made.memory);
  };
  return { ...made, process, fd, inFile };
}

describe('MAP_FILE', () => {
  // covers: IF09
  test('lets a device into a memory file', () => {
    const { iommu, ioas, device, fd, inFile } = withFile();
    expect(iommu.mapFile(ioas, fd, PAGE, 2 * PAGE, 0x10000)).toBe(0x10000);
    expect([0x10000, 0x11000, 0x12000].map((iova) => device.read(iova))).toEqual([2, 3, undefined]);
    device.write(0x11000, 33);
    expect(inFile(2 * PAGE)).toBe(33);
  });

  // covers: IF09
  test('is placed by the offset in the file', () => {
    const { iommu, ioas, fd } = withFile();
    expect(iommu.mapFile(ioas, fd, 0, 4 * PAGE)).toBe(0x4000);
    expect(iommu.mapFile(ioas, fd, 2 * PAGE, 2 * PAGE)).toBe(0x2000);
    expect(iommu.mapFile(ioas, fd, 0x800, PAGE), 'less than a page').toBe(E.EINVAL);
  });

  // covers: IF09
  test('keeps the file as long as the mapping is there, attached or not', () => {
    const { program, iommu, device, fd, process } = withFile();
    const later = iommu.allocIoas();
    expect(iommu.mapFile(later, fd, 0, 4 * PAGE, 0x10000)).toBe(0x10000);
    process.close(fd);
    program.poke(program.allocate(4 * PAGE), 99);
    iommu.attach(device.fd, later);
    expect([0x10000, 0x13000].map((iova) => device.read(iova))).toEqual([1, 4]);
    expect(iommu.unmapAll(later)).toBe(4 * PAGE);
  });

  // covers: IF09
  test('is EINVAL beyond the end, and for a last page that the file does not fill', () => {
    const { iommu, ioas, fd, process } = withFile();
    expect(iommu.mapFile(ioas, fd, PAGE, 4 * PAGE, 0)).toBe(E.EINVAL);
    expect(iommu.mapFile(ioas, fd, 4 * PAGE, PAGE, 0)).toBe(E.EINVAL);
    expect(iommu.mapFile(ioas, process.memfd(PAGE + 100), 0, 2 * PAGE, 0)).toBe(E.EINVAL);
    expect(process.pinnedPages).toBe(0);
    expect(iommu.mapFile(ioas, fd, 0, 4 * PAGE, 0)).toBe(0);
  });

  // covers: IF09
  test('finds out only with a device that a file is too short, or no memory', () => {
    const { program, iommu, ioas, memory } = new Rig().ioas();
    const short = program.process.memfd(PAGE);
    expect(iommu.mapFile(ioas, short, 0, 2 * PAGE, 0x1000)).toBe(0x1000);
    const device = program.device(0);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EINVAL);
    iommu.unmapAll(ioas);
    expect(iommu.mapFile(ioas, iommu.fd, 0, PAGE, 0x1000)).toBe(0x1000);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EINVAL);
    iommu.unmapAll(ioas);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
    expect(iommu.mapFile(ioas, iommu.fd, 0, PAGE, 0x1000)).toBe(E.EINVAL);
    expect(iommu.map(ioas, memory, PAGE, 0x1000)).toBe(0x1000);
  });

  // covers: IF09
  test('is checked in the order of the kernel', () => {
    const { iommu, ioas, fd } = withFile();
    const map = (fields: Readonly<Record<string, number | bigint>>): number => iommu.call('IOAS_MAP_FILE', fields);
    const wrong = { ioas_id: 9999, fd: -1, iova: TOP, length: TOP, start: TOP };
    expect(map({ ...wrong, flags: 8 })).toBe(E.EOPNOTSUPP);
    expect(map({ ...wrong, flags: 0 })).toBe(E.EOVERFLOW);
    expect(map({ ...wrong, flags: 1, iova: 0, length: 0 })).toBe(E.EINVAL);
    expect(map({ ...wrong, flags: 7, iova: 0, length: 0 })).toBe(E.ENOENT);
    const there = { ...wrong, flags: 7, ioas_id: ioas, iova: 0 };
    expect(map({ ...there, length: 0 })).toBe(E.EINVAL);
    expect(map({ ...there, length: 2 })).toBe(E.EOVERFLOW);
    expect(map({ ...there, length: 1 })).toBe(E.EBADF);
    expect(map({ ...there, length: PAGE, start: 0 })).toBe(E.EBADF);
    expect(map({ ...there, fd, length: PAGE, start: 0, iova: 0xfee0_0000 })).toBe(E.EINVAL);
  });

  // covers: IF09 IF31
  test('is charged as memory is', () => {
    const { iommu, ioas, fd, process } = withFile([]);
    process.memlockLimit = 3 * PAGE;
    expect(iommu.mapFile(ioas, fd, 0, 4 * PAGE, 0)).toBe(E.ENOMEM);
    process.memlockLimit = 4 * PAGE;
    expect(iommu.mapFile(ioas, fd, 0, 4 * PAGE, 0)).toBe(0);
    expect(process.user.lockedPages).toBe(4);
  });
});
