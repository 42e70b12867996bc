import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { type Fields, PLAIN, Rig } from './rig.ts';

const IOVA = 0x10_0000;

/** A vIOMMU with command queues, whose guest has 64 KiB of memory at 1 MiB. */
function rigged(type: number = VIOMMU_TYPE.TEGRA241_CMDQV) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const memory = rig.allocate(0x1_0000);
  rig.map(ioas, IOVA, memory, 0x1_0000);
  const viommu = rig.make('VIOMMU_ALLOC', { type, dev_id: device.id, hwpt_id: rig.parent(device, ioas) });
  const queue = (fields: Fields = {}): number =>
    rig.make('HW_QUEUE_ALLOC', {
      viommu_id: viommu,
      type: 1,
      index: 0,
      nesting_parent_iova: IOVA,
      length: 0x2000,
      ...fields,
    });
  return { rig, device, ioas, memory, viommu, queue };
}

describe('HW_QUEUE_ALLOC', () => {
  // covers: IF25
  test('keeps the memory of the queue: it cannot be unmapped before the queue is destroyed', () => {
    const { rig, ioas, viommu, queue } = rigged();
    const id = queue();
    expect(id).toBeGreaterThan(viommu);
    expect(rig.unmap(ioas, IOVA, 0x1_0000)).toBe(-ERRNO.EBUSY);
    expect(rig.unmap(ioas, 0, 0xffff_ffff_ffff_ffffn)).toBe(-ERRNO.EBUSY);
    expect([rig.destroy(viommu), rig.destroy(id)]).toEqual([-ERRNO.EBUSY, 0]);
    expect([rig.unmap(ioas, IOVA, 0x1_0000), rig.destroy(viommu)]).toEqual([0, 0]);
  });

  // covers: IF25
  test('holds only the mappings that the queue lies in, and each as long as any queue does', () => {
    const { rig, ioas, queue } = rigged();
    rig.map(ioas, IOVA + 0x1_0000, rig.allocate(0x1000), 0x1000);
    const [first, second] = [queue(), queue({ index: 1, nesting_parent_iova: IOVA + 0x4000 })];
    expect(rig.unmap(ioas, IOVA + 0x1_0000, 0x1000)).toBe(0);
    rig.destroy(first);
    expect(rig.unmap(ioas, IOVA, 0x1_0000)).toBe(-ERRNO.EBUSY);
    rig.destroy(second);
    expect(rig.unmap(ioas, IOVA, 0x1_0000)).toBe(0);
  });

  // covers: IF25
  test('wants memory in one piece: two mappings of two buffers are EFAULT, two of one buffer are not', () => {
    const { rig, ioas, memory, queue } = rigged();
    rig.map(ioas, 0x20_0000, memory + 0x2000, 0x1000);
    rig.map(ioas, 0x20_1000, memory + 0x3000, 0x1000);
    rig.map(ioas, 0x20_2000, memory + 0x5000, 0x1000);
    expect(queue({ nesting_parent_iova: 0x20_1000 })).toBe(-ERRNO.EFAULT);
    // Nothing of the refused one is kept.
    expect(rig.unmap(ioas, 0x20_2000, 0x1000)).toBe(0);
    expect(queue({ nesting_parent_iova: 0x20_0000 })).toBeGreaterThan(0);
  });

  // covers: IF25
  test('counts whole pages of what it is given', () => {
    const { rig, ioas, memory, queue } = rigged();
    rig.map(ioas, 0x20_0000, memory, 0x1000);
    rig.map(ioas, 0x20_1000, memory + 0x8000, 0x1000);
    expect(queue({ nesting_parent_iova: 0x20_0f00, length: 0x100 })).toBeGreaterThan(0);
    expect(queue({ nesting_parent_iova: 0x20_0f00, length: 0x101, index: 1 })).toBe(-ERRNO.EFAULT);
  });

  // covers: IF25
  test.each([
    ['flags', { flags: 1 }, ERRNO.EOPNOTSUPP],
    ['no type', { type: 0 }, ERRNO.EOPNOTSUPP],
    ['a type that nobody knows', { type: 2 }, ERRNO.EOPNOTSUPP],
    ['a queue of no length', { length: 0 }, ERRNO.EINVAL],
    ['a queue past the end of the address space', { nesting_parent_iova: 2n ** 64n - 1n, length: 2 }, ERRNO.EOVERFLOW],
    ['a last page past the end of the address space', { nesting_parent_iova: 2n ** 64n - 2n, length: 1 }, ERRNO.ERANGE],
    ['a vIOMMU there is not', { viommu_id: 99 }, ERRNO.ENOENT],
    ['memory that is not mapped', { nesting_parent_iova: IOVA + 0x1_0000 }, ERRNO.ENOENT],
    ['memory that is mapped in part', { nesting_parent_iova: IOVA + 0xf000 }, ERRNO.ENOENT],
    ['a queue that the hardware does not have', { index: 2 }, ERRNO.EINVAL],
  ])('refuses %s, and holds nothing', (_, fields, errno) => {
    const { rig, ioas, queue } = rigged();
    expect(queue(fields)).toBe(-errno);
    expect(rig.unmap(ioas, IOVA, 0x1_0000)).toBe(0);
  });

  // covers: IF25
  test('is EPERM for memory that the device may only write', () => {
    const { rig, ioas, memory, queue } = rigged();
    rig.map(ioas, 0x20_0000, memory, 0x2000, 2);
    expect(queue({ nesting_parent_iova: 0x20_0000 })).toBe(-ERRNO.EPERM);
    rig.map(ioas, 0x30_0000, memory, 0x2000, 4);
    expect(queue({ nesting_parent_iova: 0x30_0000 })).toBeGreaterThan(0);
  });

  // covers: IF25
  test('is EEXIST for a queue that there is, and EOPNOTSUPP in a vIOMMU without any', () => {
    const { queue } = rigged();
    queue();
    expect(queue()).toBe(-ERRNO.EEXIST);
    expect(rigged(VIOMMU_TYPE.ARM_SMMUV3).queue()).toBe(-ERRNO.EOPNOTSUPP);
  });

  // covers: IF25
  test('does not keep the iommufd open: closing everything gives the memory back', () => {
    const { rig, device, queue } = rigged();
    expect(queue()).toBeGreaterThan(0);
    expect(rig.process.pinnedPages).toBe(16);
    rig.process.close(rig.fd);
    device.close();
    expect(rig.process.pinnedPages).toBe(0);
  });
});
