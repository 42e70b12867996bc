import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { bytes, TestMachine, type1Of, UNMAPPED, u32, u64 } from './container-machine.ts';

const { EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSPC, EOVERFLOW, EBUSY } = ERRNO;
const TOP = 0xffff_ffff_ffff_f000n;
const MIB = 0x10_0000;
const TIB = 2 ** 40;

/** A v2 container with 4 MiB of memory to map. */
function v2(capabilities?: []) {
  const machine = new TestMachine();
  const opened = machine.opened(EXTENSION.TYPE1v2_IOMMU, capabilities);
  return { machine, ...opened, memory: opened.user.process.memory.allocate(4 * MIB) };
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

describe('MAP_DMA', () => {
  // covers: T101 T102 T103 T104 T105
  it('reports the first of several faults, in the order of the kernel', () => {
    const { user, container, memory } = v2();
    const map = (...args: [bigint | number, bigint | number, bigint | number, number?, number?]) =>
      user.map(container, ...args);
    expect(user.process.ioctl(container, VFIO.IOMMU_MAP_DMA, UNMAPPED)).toBe(-EFAULT);
    expect(map(TOP, 0x2000, memory, 3, 31), 'argsz before wrap').toBe(-EINVAL);
    expect(map(TOP, 0x2000, memory, 8), 'unknown flag before wrap').toBe(-EINVAL);
    expect(map(TOP, 0, memory), 'no size').toBe(-EINVAL);
    expect(map(TOP, 0x2000, memory, 0), 'wrap before protection').toBe(-EOVERFLOW);
    expect(map(0, 0x2000, TOP, 7), 'wrap of the address too').toBe(-EOVERFLOW);
    expect(map(1, 4096, memory, 0), 'protection').toBe(-EINVAL);
    for (const flags of [5, 6, 7]) expect(map(0, 4096, memory, flags)).toBe(-EINVAL);
    expect(map(0, 4096, memory, 4), 'no mapping to update').toBe(-ENOENT);
    for (const [iova, size, vaddr] of [
      [1, 4096, memory],
      [0, 4095, memory],
      [0, 4096, memory + 1],
      [2048, 2048, memory + 2048],
    ] as const)
      expect(map(iova, size, vaddr), 'alignment').toBe(-EINVAL);
    expect(map(0, 4096, memory)).toBe(0);
    type1Of(user, container).state.mappings.available = 0;
    expect(map(0, 4096, UNMAPPED), 'overlap before the limit').toBe(-EEXIST);
    expect(map(0xfee0_0000, 4096, UNMAPPED), 'limit before the range').toBe(-ENOSPC);
    type1Of(user, container).state.mappings.available = 5;
    expect(map(0xfee0_0000, 4096, UNMAPPED), 'range before memory').toBe(-EINVAL);
    expect(map(4096, 4096, UNMAPPED), 'memory').toBe(-EFAULT);
    expect(type1Of(user, container).state.mappings.available).toBe(5);
  });

  // covers: T104 T117
  it('maps only where every device can reach', () => {
    const { user, container, memory } = v2();
    for (const iova of [0xfee0_0000n, 0xfeef_f000n, 0x1_0000_0000_0000n, 0x7_ffff_ffff_f000n, TOP])
      expect(user.map(container, iova, 4096, memory), iova.toString(16)).toBe(-EINVAL);
    expect(user.map(container, 0xfedf_f000, 8192, memory)).toBe(-EINVAL);
    expect(user.map(container, 0xffff_ffff_f000, 8192, memory)).toBe(-EINVAL);
    expect(user.map(container, 0, 1n << 63n, memory)).toBe(-EINVAL);
    for (const iova of [0, 0xfedf_f000, 0xfef0_0000, 0x7f_ffff_f000, 0xffff_ffff_f000])
      expect(user.map(container, iova, 4096, memory), iova.toString(16)).toBe(0);
  });

  // covers: T102
  it('refuses to overlap a mapping, by however little', () => {
    const { user, container, memory } = v2();
    expect(user.map(container, MIB, 0x4000, memory)).toBe(0);
    for (const [iova, size] of [
      [MIB, 0x4000],
      [MIB, 0x1000],
      [MIB + 0x1000, 0x1000],
      [MIB - 0x1000, 0x2000],
      [MIB + 0x3000, 0x2000],
      [MIB - 0x1000, 0x8000],
    ] as const)
      expect(user.map(container, iova, size, memory)).toBe(-EEXIST);
    expect(user.map(container, MIB - 0x1000, 0x1000, memory)).toBe(0);
    expect(user.map(container, MIB + 0x4000, 0x1000, memory)).toBe(0);
  });

  // covers: T105
  it('gives the device what the process may do with the memory, and no more', () => {
    const { user, container, iommuGroup } = v2();
    const readOnly = user.process.memory.allocate(0x1000, { read: true, write: false });
    expect(user.map(container, 0, 0x1000, readOnly, 3)).toBe(-EFAULT);
    expect(user.map(container, 0, 0x1000, readOnly, 2)).toBe(-EFAULT);
    expect(user.map(container, 0, 0x1000, readOnly, 1)).toBe(0);
    expect(iommuGroup.domain.translate(0, false)).toBeDefined();
    expect(iommuGroup.domain.translate(0, true)).toBeUndefined();
    expect(user.map(container, 0x1000, 0x1000, user.page, 2)).toBe(0);
    expect(iommuGroup.domain.translate(0x1000, false)).toBeUndefined();
    expect(iommuGroup.domain.translate(0x1000, true)).toBeDefined();
  });

  // covers: T105
  it('refuses memory that is not there, and leaves nothing behind', () => {
    const { user, container, memory, iommuGroup } = v2();
    for (const vaddr of [0n, 0x7fff_ffff_f000n, TOP, BigInt(memory + 4 * MIB - 0x1000)])
      expect(user.map(container, 0, 0x2000, vaddr === TOP ? TOP - 0x1000n : vaddr)).toBe(-EFAULT);
    expect(iommuGroup.domain.mappings.size).toBe(0);
    expect(user.process.lockedPages).toBe(0);
    expect(user.map(container, 0, 0x2000, memory)).toBe(0);
  });

  // covers: T103
  it('makes as many mappings as dma_entry_limit says, which is read at SET_IOMMU', () => {
    const machine = new TestMachine();
    machine.parameters.dmaEntryLimit = 3;
    const { user, container } = machine.opened();
    machine.parameters.dmaEntryLimit = 100;
    for (let n = 0; n < 3; n++) expect(user.map(container, n * 0x1000, 0x1000, user.page)).toBe(0);
    expect(user.map(container, MIB, 0x1000, user.page)).toBe(-ENOSPC);
    expect(user.info(container).bytes[64]).toBe(0);
    expect(user.unmap(container, 0x1000, 0x1000)).toBe(0x1000);
    expect(user.map(container, MIB, 0x1000, user.page)).toBe(0);
  });

  // covers: T103
  it('makes 65535 of them by default', () => {
    const { user, container } = new TestMachine().opened();
    let last = 0;
    for (let n = 0; n < 65536 && last === 0; n++) last = user.map(container, n * 0x1000, 0x1000, user.page);
    expect(last).toBe(-ENOSPC);
    expect(user.unmap(container, 0, 0, 2)).toBe(65535 * 0x1000);
    expect(user.process.lockedPages).toBe(0);
  });

  it('of a sparse TiB costs no more than of a page', () => {
    const { user, container, iommuGroup } = v2();
    const bitmap = user.process.memory.allocate(0x200_0000);
    const memory = user.process.memory.allocate(TIB);
    expect(user.map(container, TIB, TIB, memory)).toBe(0);
    expect(iommuGroup.domain.mappings.size).toBe(1);
    expect(user.process.lockedPages).toBe(TIB / 4096);
    expect(user.dirty(container, 1)).toBe(0);
    expect(user.getDirty(container, TIB, TIB, bitmap, 0x200_0000)).toBe(0);
    for (const at of [0, 8, 0x1f_fff8, 0x1ff_fff8]) expect(user.u64(at, bitmap)).toBe(0xffff_ffff_ffff_ffffn);
    expect(user.unmap(container, TIB, TIB)).toBe(TIB);
  });
});

describe('what is mapped for DMA', () => {
  it('stays where it is when the process lets go of it, and goes with the mapping', () => {
    const { user, container, machine } = v2();
    const { memory } = user.process;
    const vaddr = memory.allocate(0x4000);
    memory.write(vaddr, Uint8Array.of(7));
    const { physical } = memory.pin(vaddr, 0x1000, false)![0]!;
    for (const iova of [0, 0x10_0000]) expect(user.map(container, iova, 0x4000, vaddr)).toBe(0);
    expect(memory.unmap(vaddr)).toBe(true);
    expect(memory.read(vaddr, 1)).toBeUndefined();
    const seen = new Uint8Array(1);
    expect([machine.memory.read(physical, seen), seen[0]]).toEqual([true, 7]);
    user.unmap(container, 0, 0x4000);
    expect(machine.memory.owner(physical)).toBe('user');
    user.unmap(container, 0x10_0000, 0x4000);
    expect(machine.memory.owner(physical)).toBeUndefined();
  });
});

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

describe('GET_INFO', () => {
  const HEAD = '0000000300000000102040000000';
  // covers: T113
  it('tells the size it needs to those who gave less, and writes no more than they have', () => {
    const { user, container } = v2();
    expect(user.process.ioctl(container, VFIO.IOMMU_GET_INFO, UNMAPPED)).toBe(-EFAULT);
    for (const argsz of [0, 8, 15]) expect(user.info(container, argsz).ret).toBe(-EINVAL);
    for (const argsz of [16, 20, 24, 119]) {
      const { ret, bytes: out } = user.info(container, argsz, 0xa5);
      expect(ret).toBe(0);
      expect(hex(out.subarray(0, 15))).toBe(`78${HEAD}`);
      expect(hex(out.subarray(16, Math.min(24, argsz)))).toBe('0'.repeat(2 * (Math.min(24, argsz) - 16)));
      expect(out.subarray(Math.min(24, argsz)).every((byte) => byte === 0xa5)).toBe(true);
    }
  });

  // covers: T113
  it('lists migration, entries left and IOVA ranges, each pointing to the next', () => {
    const { user, container, memory } = v2();
    user.map(container, 0, 0x1000, memory);
    const { ret, bytes: out } = user.info(container, 120, 0xff);
    expect(ret).toBe(0);
    expect(hex(out.subarray(0, 120))).toBe(
      [
        '7800000003000000',
        '0010204000000000',
        '1800000000000000',
        '0200010038000000',
        '0000000000000000',
        '0010000000000000',
        '0000001000000000',
        '0300010048000000',
        'feff000000000000',
        '0100010000000000',
        '0200000000000000',
        '0000000000000000',
        'ffffdffe00000000',
        '0000f0fe00000000',
        'ffffffffffff0000',
      ].join(''),
    );
    expect(out.subarray(120).every((byte) => byte === 0xff)).toBe(true);
  });

  it('has no IOVA ranges without an IOMMU, and offers every page size', () => {
    const machine = new TestMachine();
    const user = machine.user();
    const container = user.open('/dev/vfio/vfio');
    const group = user.open(machine.emulated('m').group!.path);
    user.setContainer(group, container);
    user.process.ioctl(container, VFIO.SET_IOMMU, 3);
    const { bytes: out } = user.info(container, 24);
    expect(hex(out.subarray(0, 16))).toBe('480000000300000000f0ffffffffffff');
  });

  // covers: T116
  it('hides page sizes below a page', () => {
    const { user, container } = new TestMachine({ pageSizes: [0x200, 0x20_0000] }).opened();
    expect(hex(user.info(container).bytes.subarray(8, 16))).toBe('0010200000000000');
    const large = new TestMachine({ pageSizes: [0x1_0000] }).opened();
    expect(hex(large.user.info(large.container).bytes.subarray(8, 16))).toBe('0000010000000000');
    expect(large.user.map(large.container, 0x1000, 0x1000, large.user.page)).toBe(-EINVAL);
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
    const fd = heir.process.install(user.process.file(container)!.file);
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
