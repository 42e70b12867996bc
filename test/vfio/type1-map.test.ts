import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { TestMachine, type1Of, UNMAPPED, v2 } from './container-machine.ts';

const { EEXIST, EFAULT, EINVAL, ENOENT, ENOSPC, EOVERFLOW } = ERRNO;
const TOP = 0xffff_ffff_ffff_f000n;
const MIB = 0x10_0000;
const TIB = 2 ** 40;

describe('MAP_DMA', () => {
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
