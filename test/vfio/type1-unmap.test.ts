import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { bytes, TestMachine, type1Of, UNMAPPED, u32, u64, v2 } from './container-machine.ts';

const { EFAULT, EINVAL, ENOENT, ENOMEM, EOVERFLOW, EBUSY } = ERRNO;
const TOP = 0xffff_ffff_ffff_f000n;
const MIB = 0x10_0000;

describe('UNMAP_DMA', () => {
  // covers: T107 T110 T112
  it('reports the first of several faults, in the order of the kernel', () => {
    const { user, container, memory, machine } = v2();
    expect(user.process.ioctl(container, VFIO.IOMMU_UNMAP_DMA, UNMAPPED)).toBe(-EFAULT);
    for (const argsz of [0, 16, 23]) expect(user.unmap(container, TOP, 0x2000, 0, argsz)).toBe(-EINVAL);
    for (const flags of [3, 5, 8, 0xffff_ffff]) expect(user.unmap(container, TOP, 0x2000, flags)).toBe(-EINVAL);
    expect(user.unmap(container, TOP + 1n, 0x2000)).toBe(-EINVAL);
    expect(user.unmap(container, TOP, 0x2001)).toBe(-EINVAL);
    expect(user.unmap(container, TOP, 0)).toBe(-EINVAL);
    expect(user.unmap(container, TOP, 0x2000)).toBe(-EOVERFLOW);
    expect(user.unmap(container, 0, 0x1000, 2)).toBe(-EINVAL);
    expect(user.unmap(container, 0x1000, 0, 2)).toBe(-EINVAL);
    const bitmap = (argsz: number, address: bigint | number, size = 0x1000, length: bigint | number = 8, page = 4096) =>
      user.call(container, VFIO.IOMMU_UNMAP_DMA, bytes(u32(argsz, 1), u64(1, size, page, length, address)));
    expect(bitmap(47, TOP)).toBe(-EINVAL);
    expect(bitmap(48, TOP), 'no user address').toBe(-EINVAL);
    expect(bitmap(48, 0x7fff_ffff_eff9n), 'past the last user address').toBe(-EINVAL);
    expect(bitmap(48, memory, 0x1000, 0), 'no bitmap').toBe(-EINVAL);
    expect(user.unmapDirty(container, 0, 0x1000, memory), 'tracking is off').toBe(-EINVAL);
    user.process.memory.write(user.page + 0xfe8, u32(48, 1));
    user.process.memory.write(user.page + 0xff0, u64(0, 0x1000));
    expect(user.process.ioctl(container, VFIO.IOMMU_UNMAP_DMA, user.page + 0xfe8)).toBe(-EFAULT);
    const mdev = user.open(machine.emulated('m').group!.path);
    user.setContainer(mdev, container);
    expect(user.unmap(container, TOP + 1n, 0x2000, 4), 'emulated group').toBe(-EBUSY);
  });

  // covers: T107 T108
  it('never cuts a mapping (v2), and says how much went', () => {
    const { user, container, memory } = v2();
    expect(user.map(container, 0x1000, 0x2000, memory)).toBe(0);
    expect(user.map(container, 0x3000, 0x1000, memory)).toBe(0);
    expect(user.unmap(container, 0x1000, 0x1000)).toBe(-EINVAL);
    expect(user.unmap(container, 0x2000, 0x1000)).toBe(-EINVAL);
    expect(user.unmap(container, 0x2000, 0x2000)).toBe(-EINVAL);
    expect(user.u64(16)).toBe(0x2000n);
    expect(user.unmap(container, 0, 0x1000)).toBe(0);
    expect(user.unmap(container, 0x10_0000, 0x1000)).toBe(0);
    expect(user.unmap(container, 0, 0x8000)).toBe(0x3000);
    expect(user.unmap(container, 0, 0x8000)).toBe(0);
    expect(user.unmap(container, 0, TOP)).toBe(0);
  });

  // covers: T110
  it('of everything takes neither address nor size', () => {
    const { user, container, memory, iommuGroup } = v2();
    for (const iova of [0, 0x5000, 0xffff_ffff_f000]) user.map(container, iova, 0x1000, memory);
    expect(user.unmap(container, 0, 0, 2)).toBe(0x3000);
    expect(user.unmap(container, 0, 0, 2)).toBe(0);
    expect(iommuGroup.domain.mappings.size).toBe(0);
  });

  // covers: T109
  it('in a v1 container removes whole mappings from their first byte on, and nothing from their middle', () => {
    const { user, container } = new TestMachine().opened(EXTENSION.TYPE1_IOMMU);
    const memory = user.process.memory.allocate(MIB);
    const fill = () => [0x1000, 0x5000, 0xa000].forEach((iova) => void user.map(container, iova, 0x4000, memory));
    fill();
    expect(user.unmap(container, 0x2000, 0x1000)).toBe(0);
    expect(user.unmap(container, 0x2000, 0x8_0000), 'a middle hides what follows').toBe(0);
    expect(user.unmap(container, 0x1000, 0x1000)).toBe(0x4000);
    expect(user.unmap(container, 0, 0x6000)).toBe(0x4000);
    expect(user.unmap(container, 0, 0x1000)).toBe(0);
    expect(user.unmap(container, 0, 0, 2)).toBe(0x4000);
    fill();
    expect(user.unmap(container, 0x2000, 0x1000, 4), 'nor takes an address away').toBe(0);
    expect(user.unmap(container, 0, 0x6000, 4)).toBe(0x8000);
    expect(user.map(container, 0x1000, 0x4000, memory, 4)).toBe(0);
  });

  // covers: T108
  it('lets the size field alone when it fails', () => {
    const { user, container } = v2();
    expect(user.unmap(container, 0x1001, 0x3000)).toBe(-EINVAL);
    expect(user.u64(16)).toBe(0x3000n);
    const readOnly = user.process.memory.allocate(0x1000, { read: true, write: false });
    expect(user.process.ioctl(container, VFIO.IOMMU_UNMAP_DMA, readOnly)).toBe(-EINVAL);
  });
});

describe('an address update', () => {
  // covers: T106
  it('takes the addresses of mappings away and gives new ones, while DMA goes on', () => {
    const { user, container, memory, iommuGroup } = v2();
    user.map(container, MIB, 0x4000, memory);
    user.map(container, 2 * MIB, 0x4000, memory);
    const { physical } = iommuGroup.domain.translate(MIB, true)!;
    expect(user.map(container, MIB, 0x4000, memory, 4), 'still valid').toBe(-EINVAL);
    expect(user.unmap(container, MIB, 0x4000, 4)).toBe(0x4000);
    expect(user.unmap(container, MIB, 0x1000, 4), 'cut').toBe(-EINVAL);
    expect(user.unmap(container, MIB, 0x4000, 4), 'twice').toBe(-EINVAL);
    expect(user.map(container, MIB, 0x1000, memory, 4)).toBe(-EINVAL);
    expect(user.map(container, 3 * MIB, 0x4000, memory, 4)).toBe(-ENOENT);
    expect(user.map(container, MIB, 0x4000, memory + 0x8000, 4)).toBe(0);
    expect(iommuGroup.domain.translate(MIB, true)!.physical).toBe(physical);
    expect(user.map(container, MIB, 0x4000, memory, 4)).toBe(-EINVAL);
  });

  // covers: T111
  it('that meets a mapping without address undoes its own marks', () => {
    const { user, container, memory } = v2();
    for (const n of [1, 2, 3]) user.map(container, n * MIB, 0x1000, memory);
    expect(user.unmap(container, 3 * MIB, 0x1000, 4)).toBe(0x1000);
    expect(user.unmap(container, 0, 0, 6)).toBe(-EINVAL);
    const { mappings } = type1Of(user, container).state;
    expect(mappings.all.map((dma) => dma.vaddrInvalid)).toEqual([false, false, true]);
    expect(mappings.invalid).toBe(1);
    expect(user.unmap(container, 0, 0, 2)).toBe(0x3000);
    expect(mappings.invalid).toBe(0);
  });

  // covers: T106 T119
  it('hands the pages to who gives the new address, if it may have them', () => {
    const { user, container, memory, machine } = v2([]);
    user.map(container, 0, 0x4000, memory);
    const heir = machine.user('heir', []);
    const theirs = heir.process.memory.allocate(0x4000);
    const fd = heir.process.files.install(user.process.file(container)!.file);
    expect(user.unmap(container, 0, 0x4000, 4)).toBe(0x4000);
    heir.process.memlockLimit = 0x3000;
    expect(heir.map(fd, 0, 0x4000, theirs, 4)).toBe(-ENOMEM);
    expect([user.process.lockedPages, heir.process.lockedPages]).toEqual([4, 0]);
    heir.process.capabilities.add('CAP_IPC_LOCK');
    expect(heir.map(fd, 0, 0x4000, theirs, 4)).toBe(0);
    expect([user.process.lockedPages, heir.process.lockedPages]).toEqual([0, 4]);
    expect(user.unmap(container, 0, 0x4000)).toBe(0x4000);
    expect([user.process.lockedPages, heir.process.lockedPages]).toEqual([0, 0]);
  });
});

it('whatever is mapped and unmapped, page table, charges and entries tell the same story', () => {
  const page = fc.nat(24);
  const step = fc.record({ map: fc.boolean(), at: page, pages: fc.integer({ min: 1, max: 8 }), offset: page });
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (second, steps) => {
      const machine = new TestMachine();
      const { user, container, iommuGroup } = machine.opened(second ? 3 : 1);
      const memory = user.process.memory.allocate(0x1_8000);
      const { mappings } = type1Of(user, container).state;
      for (const { map, at, pages, offset } of steps) {
        if (map) user.map(container, at * 0x1000, pages * 0x1000, memory + offset * 0x1000);
        else user.unmap(container, at * 0x1000, pages * 0x1000);
        const table = iommuGroup.domain.mappings.items;
        expect(table.map(({ start, length }) => [start, length])).toEqual(mappings.all.map((d) => [d.start, d.length]));
        const charged = mappings.all.reduce((sum, dma) => sum + dma.length / 0x1000, 0);
        expect(user.process.lockedPages).toBe(charged);
        expect(mappings.available + mappings.all.length).toBe(65535);
      }
      user.process.exit();
      expect([user.process.lockedPages, iommuGroup.owner]).toEqual([0, undefined]);
    }),
  );
});
