import { describe, expect, test } from 'vitest';
import { IOMMU } from '../../src/uapi/iommufd.ts';
import { E, Rig, UNMAPPED } from './ioas-rig.ts';

/** Of every ioctl: the bytes of its struct, and of the struct's first version, which is the least a program may give. */
const SIZES: readonly (readonly [keyof typeof IOMMU, number, number])[] = [
  ['DESTROY', 8, 8],
  ['IOAS_ALLOC', 12, 12],
  ['IOAS_ALLOW_IOVAS', 24, 24],
  ['IOAS_COPY', 40, 40],
  ['IOAS_IOVA_RANGES', 32, 32],
  ['IOAS_MAP', 40, 40],
  ['IOAS_UNMAP', 24, 24],
  ['OPTION', 24, 24],
  ['VFIO_IOAS', 12, 12],
  ['HWPT_ALLOC', 48, 24],
  ['GET_HW_INFO', 40, 32],
  ['HWPT_SET_DIRTY_TRACKING', 16, 16],
  ['HWPT_GET_DIRTY_BITMAP', 48, 48],
  ['HWPT_INVALIDATE', 32, 32],
  ['FAULT_QUEUE_ALLOC', 16, 16],
  ['IOAS_MAP_FILE', 40, 40],
  ['VIOMMU_ALLOC', 40, 24],
  ['VDEVICE_ALLOC', 24, 24],
  ['IOAS_CHANGE_PROCESS', 8, 8],
  ['VEVENTQ_ALLOC', 32, 28],
  ['HW_QUEUE_ALLOC', 40, 40],
  ['IOAS_NOIOMMU_GET_PA', 40, 40],
];

/** An argument of zeros that says it has `size` bytes, of which `length` are there. */
function argument(size: number, length = size): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 4));
  new DataView(bytes.buffer).setUint32(0, size, true);
  return bytes.subarray(0, length);
}

/** What an ioctl answers on a fresh iommufd. */
const ask = (name: keyof typeof IOMMU, bytes: Uint8Array): number => new Rig().program().raw(IOMMU[name], bytes);

test('the table has every ioctl', () => {
  expect(SIZES.map(([name]) => name).sort()).toEqual(Object.keys(IOMMU).sort());
});

describe.each(SIZES)('%s', (name, size, first) => {
  // covers: IF01
  test('takes no struct shorter than its first version', () => {
    for (const short of [0, first - 4, first - 1]) expect(ask(name, argument(short, size))).toBe(E.EINVAL);
  });

  // covers: IF01
  test('takes the first version as one whose new fields are 0', () => {
    expect(ask(name, argument(first))).toBe(ask(name, argument(size)));
  });

  // covers: IF01
  test('takes a longer struct only if it does not know what it must not ignore', () => {
    const long = argument(size + 16);
    expect(ask(name, long)).toBe(ask(name, argument(size)));
    long[size + 15] = 1;
    expect(ask(name, long)).toBe(E.E2BIG);
  });

  // covers: IF01
  test('faults on what it cannot read, the size before the rest', () => {
    expect(ask(name, argument(size, 2))).toBe(E.EFAULT);
    expect(ask(name, argument(first - 1, 4))).toBe(E.EINVAL);
    expect(ask(name, argument(size, size - 4))).toBe(E.EFAULT);
    expect(ask(name, argument(size + 16, size))).toBe(E.EFAULT);
    expect(new Rig().program().process.ioctl(3, IOMMU[name], UNMAPPED)).toBe(E.EFAULT);
  });
});

// covers: IF01
test('a number that no ioctl has is ENOTTY; in the table’s range a size is read first', () => {
  const { process, iommu } = new Rig().program();
  const page = process.memory.allocate(4096);
  for (const unknown of [0x3b96, 0x3bff, 0x3b63, 0x3b7f])
    expect(process.ioctl(iommu.fd, unknown, UNMAPPED)).toBe(E.ENOTTY);
  expect(process.ioctl(iommu.fd, 0x3c81, page), 'another letter').toBe(E.ENOTTY);
  expect(process.ioctl(iommu.fd, 0x3c81, UNMAPPED)).toBe(E.EFAULT);
});

// covers: IF01
test('no more comes back than the program has room for', () => {
  const program = new Rig().program();
  const { process, iommu } = program;
  const page = program.allocate(4096);
  const bytes = new Uint8Array(40).fill(0xee, 32);
  bytes.set(new Uint8Array(Uint32Array.of(32, 0, program.device(0).id, 0).buffer));
  process.memory.write(page, bytes);
  expect(process.ioctl(iommu.fd, IOMMU.GET_HW_INFO, page)).toBe(0);
  expect([...process.memory.read(page + 32, 8)!]).toEqual(Array(8).fill(0xee));
});

// covers: IF01 IF04
test('what could not be answered has not happened', () => {
  const { program, iommu } = new Rig().ioas();
  const page = program.locked(argument(12));
  expect(program.process.ioctl(iommu.fd, IOMMU.IOAS_ALLOC, page)).toBe(E.EFAULT);
  expect(iommu.allocIoas(), 'the next id is still free').toBe(2);
});

// covers: IF01
test('there is nothing to map, and the shape of the mapping is looked at first', () => {
  const { process, iommu } = new Rig().program();
  const shared = { read: true, write: true, shared: true };
  expect(process.mmap(iommu.fd, 0, 4096, shared)).toBe(E.ENXIO);
  expect(process.mmap(iommu.fd, 0, 100, shared)).toBe(E.EINVAL);
  expect(process.mmap(iommu.fd, 0, 4096, { ...shared, shared: false })).toBe(E.EINVAL);
});
