import { describe, expect, test } from 'vitest';
import { VFIO_IOAS_OP } from '../../src/uapi/iommufd.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { bytes, User, u32, u64 } from '../vfio/container-machine.ts';
import { E, MIB, PAGE, type Program, Rig, TOP, UNMAPPED } from './ioas-rig.ts';

const { GET, SET, CLEAR } = VFIO_IOAS_OP;
const { TYPE1_IOMMU, TYPE1v2_IOMMU, NOIOMMU_IOMMU, UNMAP_ALL, DMA_CC_IOMMU } = EXTENSION;
const MAP_ALL = 2;

const vfioIoas = ({ iommu }: Program, op: number, ioas_id = 0): number => iommu.call('VFIO_IOAS', { op, ioas_id });

/** A program that uses its iommufd as a container: of the IOAS that it made for this. */
function container() {
  const made = new Rig().ioas();
  expect(vfioIoas(made.program, SET, made.ioas)).toBe(0);
  const user = new User(made.program.process);
  const { fd } = made.iommu;
  return { ...made, user, fd, setIommu: (type: number): number => user.process.ioctl(fd, VFIO.SET_IOMMU, type) };
}

/** As a program that knows nothing of iommufd: device 0 is opened through its group. */
function throughGroup() {
  const rig = new Rig();
  const program = rig.program();
  const user = new User(program.process);
  const number = `${program.process.readlink('/sys/bus/pci/devices/0000:00:02.0/iommu_group')}`.split('/').at(-1)!;
  const group = user.open(`/dev/vfio/${number}`);
  expect(user.setContainer(group, program.iommu.fd)).toBe(0);
  return { rig, program, user, group, fd: program.iommu.fd, memory: program.allocate(4 * MIB) };
}

describe('VFIO_IOAS', () => {
  // covers: IF29
  test('is what the container ioctls work on, and none at first', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    expect(vfioIoas(program, GET)).toBe(E.ENODEV);
    expect(vfioIoas(program, SET, 9999)).toBe(E.ENOENT);
    expect(vfioIoas(program, SET, ioas)).toBe(0);
    expect([vfioIoas(program, GET, 77), iommu.field('VFIO_IOAS', 'ioas_id')]).toEqual([0, ioas]);
    const other = iommu.allocIoas();
    vfioIoas(program, SET, other);
    expect([vfioIoas(program, GET), iommu.field('VFIO_IOAS', 'ioas_id')]).toEqual([0, other]);
    expect([vfioIoas(program, CLEAR), vfioIoas(program, GET), vfioIoas(program, CLEAR)]).toEqual([0, E.ENODEV, 0]);
    expect(vfioIoas(program, 3)).toBe(E.EOPNOTSUPP);
    expect(iommu.call('VFIO_IOAS', { op: GET, __reserved: 1 })).toBe(E.EOPNOTSUPP);
  });

  // covers: IF29
  test('goes with the address space', () => {
    const { program, iommu, ioas } = container();
    expect(iommu.destroy(ioas)).toBe(0);
    expect(vfioIoas(program, GET)).toBe(E.ENODEV);
  });

  // covers: IF29
  test('is made for the first group that joins, unless there is one', () => {
    const { program } = throughGroup();
    expect([vfioIoas(program, GET), program.iommu.field('VFIO_IOAS', 'ioas_id')]).toEqual([0, 1]);
    expect(program.iommu.destroy(1)).toBe(0);
    expect(vfioIoas(program, GET)).toBe(E.ENODEV);
  });

  // covers: IF29
  test('is where a device of a group is attached when it is opened', () => {
    const { rig, program, user, group, fd, memory } = throughGroup();
    expect(user.process.ioctl(fd, VFIO.SET_IOMMU, TYPE1v2_IOMMU)).toBe(0);
    program.poke(memory, 6);
    expect(user.map(fd, 0x1000, PAGE, memory)).toBe(0);
    const device = user.deviceFd(group, '0000:00:02.0');
    expect(device).toBeGreaterThan(0);
    user.process.memory.write(user.page, Uint8Array.of(6, 0));
    user.process.pwrite(device, user.page, 2, 7 * 2 ** 40 + 4);
    const into = new Uint8Array(1);
    expect([rig.dma(0).read(0x1000, into), into[0]]).toEqual([true, 6]);
    user.unmap(fd, 0x1000, PAGE);
    expect(rig.dma(0).read(0x1000, into)).toBe(false);
  });

  // covers: IF29
  test('must be there when a device of a group is opened', () => {
    const { program, user, group } = throughGroup();
    vfioIoas(program, CLEAR);
    expect(user.deviceFd(group, '0000:00:02.0')).toBe(E.ENODEV);
  });
});

describe('as a container, an iommufd', () => {
  // covers: IF30
  test('has the version and the extensions of type1', () => {
    const { process, iommu } = new Rig().program();
    const check = (extension: number): number => process.ioctl(iommu.fd, VFIO.CHECK_EXTENSION, extension);
    expect(process.ioctl(iommu.fd, VFIO.GET_API_VERSION, 0)).toBe(0);
    expect([TYPE1_IOMMU, TYPE1v2_IOMMU, UNMAP_ALL, NOIOMMU_IOMMU].map(check)).toEqual([1, 1, 1, 1]);
    expect([0, 2, 5, 6, 7, 10, 99].map(check)).toEqual(Array(7).fill(0));
    expect(check(DMA_CC_IOMMU)).toBe(E.ENODEV);
  });

  // covers: IF30
  test('is coherent as long as no IOMMU says otherwise', () => {
    const { program, user, fd, ioas, iommu } = container();
    const coherent = (): number => user.process.ioctl(fd, VFIO.CHECK_EXTENSION, DMA_CC_IOMMU);
    expect(coherent()).toBe(1);
    iommu.attach(program.device(0).fd, ioas);
    expect(coherent()).toBe(0);
  });

  // covers: IF30
  test('takes SET_IOMMU of either type, again and again, once it has an address space', () => {
    const { program, setIommu, fd, user } = container();
    for (const type of [TYPE1v2_IOMMU, TYPE1_IOMMU, TYPE1v2_IOMMU]) expect(setIommu(type)).toBe(0);
    for (const type of [0, 2, NOIOMMU_IOMMU, 99]) expect(setIommu(type)).toBe(E.EINVAL);
    vfioIoas(program, CLEAR);
    expect(setIommu(TYPE1v2_IOMMU)).toBe(E.ENODEV);
    expect(setIommu(99)).toBe(E.EINVAL);
    for (const command of [VFIO.IOMMU_DIRTY_PAGES, 0x3b6b, 0x3b79])
      expect(user.process.ioctl(fd, command, 0)).toBe(E.ENOTTY);
  });

  // covers: IF30
  test('without an address space answers ENODEV, after its own checks', () => {
    const { process, iommu } = new Rig().program();
    const user = new User(process);
    const { fd } = iommu;
    expect(user.info(fd).ret).toBe(E.ENODEV);
    expect(user.info(fd, 15).ret).toBe(E.EINVAL);
    expect(user.map(fd, 0, PAGE, 0)).toBe(E.ENODEV);
    expect([user.map(fd, 0, PAGE, 0, 3, 31), user.map(fd, 0, PAGE, 0, 4)]).toEqual([E.EINVAL, E.EINVAL]);
    expect(user.unmap(fd, 0, PAGE)).toBe(E.ENODEV);
    expect([user.unmap(fd, 0, PAGE, 0, 23), user.unmap(fd, 0, PAGE, 1)]).toEqual([E.EINVAL, E.EINVAL]);
    for (const command of [VFIO.IOMMU_GET_INFO, VFIO.IOMMU_MAP_DMA, VFIO.IOMMU_UNMAP_DMA])
      expect(process.ioctl(fd, command, UNMAPPED)).toBe(E.EFAULT);
  });
});

describe('GET_INFO', () => {
  const DMA_AVAIL = bytes(u32(3 | (1 << 16), 40, 0xffff_ffff, 0));
  const RANGES = bytes(u32(1 | (1 << 16), 0, 2, 0), u64(0, 0xfedf_ffff, 0xfef0_0000, 2 ** 48 - 1));

  // covers: IF30
  test('tells page sizes, that mappings have no limit, and where they may lie', () => {
    const { program, iommu, ioas, user, fd } = container();
    iommu.attach(program.device(0).fd, ioas);
    const info = user.info(fd);
    expect(info.ret).toBe(0);
    const fixed = bytes(u32(88, 3), u64(0x4020_1000), u32(24, 0));
    expect(Buffer.from(info.bytes.subarray(0, 88))).toEqual(bytes(fixed, DMA_AVAIL, RANGES));
  });

  // covers: IF30
  test('without a device has every page size from the processor’s on', () => {
    const { user, fd } = container();
    const info = user.info(fd);
    expect(Buffer.from(info.bytes.subarray(0, 24))).toEqual(bytes(u32(72, 3), u64(TOP - 0xfffn), u32(24, 0)));
    expect(Buffer.from(info.bytes.subarray(56, 72))).toEqual(bytes(u64(0, TOP)));
  });

  // covers: IF30
  test.each([16, 24, 39, 40, 87])('with %i bytes says how many it needs, and writes what fits', (argsz) => {
    const { program, iommu, ioas, user, fd } = container();
    iommu.attach(program.device(0).fd, ioas);
    const { ret, bytes: answer } = user.info(fd, argsz, 0xee);
    expect([ret, new DataView(answer.buffer).getUint32(0, true)]).toEqual([0, 88]);
    if (argsz >= 24) expect([...answer.subarray(16, 20)], 'no chain').toEqual([0, 0, 0, 0]);
    else expect([...answer.subarray(16, 24)]).toEqual(Array(8).fill(0xee));
    const avail = Buffer.from(answer.subarray(24, 40));
    expect(avail).toEqual(argsz >= 40 ? DMA_AVAIL : Buffer.alloc(16, 0xee));
    expect([...answer.subarray(40, 88)], 'the ranges never fit').toEqual(Array(48).fill(0xee));
  });
});

describe('MAP_DMA', () => {
  // covers: IF30
  test('is a mapping at a fixed IOVA', () => {
    const { program, iommu, ioas, memory, user, fd } = container();
    program.poke(memory, 4);
    expect(user.map(fd, 0x1000, PAGE, memory)).toBe(0);
    expect(user.map(fd, 0x1000, PAGE, memory)).toBe(E.EEXIST);
    expect(user.map(fd, 0x2000, 0, memory)).toBe(E.EINVAL);
    expect(user.map(fd, TOP - 0xfffn, 2 * PAGE, memory)).toBe(E.EOVERFLOW);
    expect(user.map(fd, 0x2000, PAGE, TOP)).toBe(E.EOVERFLOW);
    const device = program.device(0);
    iommu.attach(device.fd, ioas);
    expect(device.read(0x1000)).toBe(4);
    expect(user.map(fd, 0xfee0_0000, PAGE, memory)).toBe(E.EINVAL);
    expect(user.map(fd, 0x2000, PAGE, UNMAPPED)).toBe(E.EFAULT);
    expect(iommu.unmap(ioas, 0x1000, PAGE), 'as one of iommufd').toBe(PAGE);
  });

  // covers: IF30
  test('takes a mapping without access, which only an IOMMU minds', () => {
    const { program, iommu, ioas, memory, user, fd } = container();
    expect(user.map(fd, 0x1000, PAGE, memory, 0)).toBe(0);
    const device = program.device(0);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EINVAL);
    user.unmap(fd, 0x1000, PAGE);
    iommu.attach(device.fd, ioas);
    expect(user.map(fd, 0x1000, PAGE, memory, 0)).toBe(E.EINVAL);
    expect(user.map(fd, 0x1000, PAGE, memory, 1), 'nothing is left of it').toBe(0);
  });
});

describe('UNMAP_DMA', () => {
  // covers: IF30
  test('of version 2 cuts nothing: ENOENT, and the size of what is gone comes back', () => {
    const { memory, user, fd, setIommu } = container();
    setIommu(TYPE1v2_IOMMU);
    user.map(fd, 0x1000, PAGE, memory);
    user.map(fd, 0x4000, 2 * PAGE, memory);
    expect(user.unmap(fd, 0x4000, PAGE)).toBe(E.ENOENT);
    expect(user.u64(16)).toBe(0n);
    expect(user.unmap(fd, 0x1000, 4 * PAGE)).toBe(E.ENOENT);
    expect(user.u64(16), 'written in spite of the error').toBe(BigInt(PAGE));
    expect(user.unmap(fd, 0x1000, PAGE), 'nothing there is no error').toBe(0);
    expect(user.unmap(fd, 0x4000, 2 * PAGE)).toBe(2 * PAGE);
  });

  // covers: IF30
  test('of everything takes no range', () => {
    const { memory, user, fd } = container();
    user.map(fd, 0x1000, PAGE, memory);
    expect(user.unmap(fd, 0, PAGE, MAP_ALL)).toBe(E.EINVAL);
    expect(user.unmap(fd, PAGE, 0, MAP_ALL)).toBe(E.EINVAL);
    expect(user.u64(16), 'nothing is written').toBe(0n);
    expect([user.unmap(fd, 0, 0, MAP_ALL), user.unmap(fd, 0, 0, MAP_ALL)]).toEqual([PAGE, 0]);
  });

  // covers: IF30
  test('without length or beyond the end is EINVAL and EOVERFLOW, with the size 0', () => {
    const { user, fd } = container();
    expect(user.unmap(fd, 0x1000, 0)).toBe(E.EINVAL);
    expect(user.unmap(fd, 0x1000, TOP)).toBe(E.EOVERFLOW);
    expect(user.u64(16)).toBe(0n);
  });

  // covers: IF30
  test('of version 1 cuts mappings at both ends', () => {
    const { program, iommu, ioas, memory, user, fd, setIommu } = container();
    expect(setIommu(TYPE1_IOMMU)).toBe(0);
    const device = program.device(0);
    iommu.attach(device.fd, ioas);
    for (let page = 0; page < 8; page++) program.poke(memory + page * PAGE, page + 1);
    user.map(fd, 0x10000, 8 * PAGE, memory);
    expect(user.unmap(fd, 0x12000, 3 * PAGE)).toBe(3 * PAGE);
    const seen = Array.from({ length: 8 }, (_, page) => device.read(0x10000 + page * PAGE));
    expect(seen).toEqual([1, 2, undefined, undefined, undefined, 6, 7, 8]);
    expect(program.process.pinnedPages).toBe(5);
    expect(user.unmap(fd, 0x0f000, 2 * PAGE), 'from the left').toBe(PAGE);
    expect(user.unmap(fd, 0x17000, 8 * PAGE), 'from the right').toBe(PAGE);
    expect(user.unmap(fd, 0, 0, MAP_ALL)).toBe(3 * PAGE);
    expect(program.process.pinnedPages).toBe(0);
  });

  // covers: IF30
  test('of version 1 cuts between pages only', () => {
    const { memory, user, fd, setIommu } = container();
    setIommu(TYPE1_IOMMU);
    user.map(fd, 0x10000, 2 * PAGE, memory);
    expect(user.unmap(fd, 0xf000, PAGE + 1), 'one byte of it').toBe(E.ENOENT);
    expect(user.unmap(fd, 0x10000, PAGE - 1), 'the end').toBe(E.EINVAL);
    expect(user.u64(16), 'nothing is written').toBe(BigInt(PAGE - 1));
    expect(user.unmap(fd, 0x10800, 2 * PAGE), 'the start').toBe(E.EINVAL);
    expect(user.unmap(fd, 0x10000, 2 * PAGE)).toBe(2 * PAGE);
  });

  // covers: IF30
  test('of version 1 needs mappings that are not in large pages yet', () => {
    const { program, iommu, ioas, memory, user, fd, setIommu } = container();
    iommu.attach(program.device(0).fd, ioas);
    user.map(fd, 0x10000, 2 * PAGE, memory);
    expect(setIommu(TYPE1_IOMMU)).toBe(E.EINVAL);
    expect(user.unmap(fd, 0x10000, PAGE), 'still version 2').toBe(E.ENOENT);
    user.unmap(fd, 0, 0, MAP_ALL);
    expect(setIommu(TYPE1_IOMMU)).toBe(0);
  });
});
