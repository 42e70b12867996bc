import { describe, expect, test } from 'vitest';
import { E, PAGE, Rig, TOP } from './ioas-rig.ts';

describe('UNMAP', () => {
  // covers: IF11
  test('takes every mapping inside the range, and tells the bytes', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    for (const iova of [0x1000, 0x2000, 0x8000]) iommu.map(ioas, memory, PAGE, iova);
    expect(iommu.unmap(ioas, 0, 0x8000)).toBe(2 * PAGE);
    expect(iommu.unmap(ioas, 0, 0x8000)).toBe(E.ENOENT);
    expect(iommu.unmap(ioas, 0x8000, PAGE)).toBe(PAGE);
  });

  // covers: IF11
  test('cuts nothing: ENOENT, and what lies before the cut is gone', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    program.poke(memory, 1);
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(ioas, memory, 2 * PAGE, 0x4000);
    expect(iommu.unmap(ioas, 0x4000, PAGE)).toBe(E.ENOENT);
    expect(iommu.unmap(ioas, 0x5000, PAGE)).toBe(E.ENOENT);
    expect(iommu.unmap(ioas, 0x5000, 4 * PAGE)).toBe(E.ENOENT);
    expect([device.read(0x1000), device.read(0x4000)]).toEqual([1, 1]);
    expect(iommu.unmap(ioas, 0x1000, 4 * PAGE)).toBe(E.ENOENT);
    expect([device.read(0x1000), device.read(0x4000)]).toEqual([undefined, 1]);
    expect(iommu.unmapAll(ioas)).toBe(2 * PAGE);
  });

  // covers: IF11
  test('of everything succeeds also where there is nothing', () => {
    const { iommu, ioas, memory } = new Rig().ioas();
    expect(iommu.unmapAll(ioas)).toBe(0);
    iommu.map(ioas, memory, PAGE, 0);
    iommu.map(ioas, memory, PAGE, TOP - 0xfffn);
    expect(iommu.unmapAll(ioas)).toBe(2 * PAGE);
    expect(iommu.unmap(ioas, 0, TOP - 1n)).toBe(E.ENOENT);
  });

  // covers: IF11
  test('is checked in the order of the kernel', () => {
    const { iommu, ioas } = new Rig().ioas();
    expect(iommu.unmap(9999, TOP, 0)).toBe(E.ENOENT);
    expect(iommu.unmap(ioas, TOP, 0)).toBe(E.EOVERFLOW);
    expect(iommu.unmap(ioas, 1, TOP)).toBe(E.EOVERFLOW);
    expect(iommu.unmap(ioas, 0x1000, 0)).toBe(E.EINVAL);
    expect(iommu.unmap(ioas, 0x1000, TOP - 0xffen)).toBe(E.EOVERFLOW);
    expect(iommu.unmap(ioas, 0x1000, TOP - 0xfffn), 'up to the last IOVA').toBe(E.ENOENT);
  });

  // covers: IF11
  test('gives the pages back', () => {
    const { program, iommu, ioas, memory } = new Rig().attached([]);
    iommu.map(ioas, memory, 3 * PAGE, 0x1000);
    expect([program.process.pinnedPages, program.process.user.lockedPages]).toEqual([3, 3]);
    iommu.unmapAll(ioas);
    expect([program.process.pinnedPages, program.process.user.lockedPages]).toEqual([0, 0]);
  });

  // covers: IF11
  test('is EBUSY for memory that a hardware queue lives in, also where it would cut it', () => {
    const { program, iommu, ioas, memory } = new Rig({ nesting: true, virtual: 'tegra241-cmdqv' }).ioas();
    const device = program.device(0);
    iommu.call('HWPT_ALLOC', { dev_id: device.id, pt_id: ioas, flags: 1 });
    const hwpt_id = iommu.field('HWPT_ALLOC', 'out_hwpt_id');
    iommu.call('VIOMMU_ALLOC', { type: 2, dev_id: device.id, hwpt_id, data_len: 0 });
    const viommu_id = iommu.field('VIOMMU_ALLOC', 'out_viommu_id');
    iommu.map(ioas, memory, 2 * PAGE, 0x10000);
    const queue = { viommu_id, type: 1, index: 0, nesting_parent_iova: 0x10000, length: PAGE };
    expect(iommu.call('HW_QUEUE_ALLOC', queue)).toBe(0);
    const id = iommu.field('HW_QUEUE_ALLOC', 'out_hw_queue_id');
    expect(iommu.unmap(ioas, 0x10000, 2 * PAGE)).toBe(E.EBUSY);
    expect(iommu.unmap(ioas, 0x10000, PAGE)).toBe(E.EBUSY);
    expect(iommu.unmapAll(ioas)).toBe(E.EBUSY);
    iommu.destroy(id);
    expect(iommu.unmapAll(ioas)).toBe(2 * PAGE);
  });
});
