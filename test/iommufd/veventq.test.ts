import { describe, expect, test } from 'vitest';
import type { IommufdFile } from '../../src/iommufd/file.ts';
import type { Viommu } from '../../src/iommufd/viommu.ts';
import { POLL } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VEVENTQ_TYPE } from '../../src/uapi/iommufd.ts';
import { PLAIN, Rig, UNMAPPED } from './rig.ts';

/** A vIOMMU with a queue for `depth` events, which the test reports as the IOMMU's driver does. */
function rigged(depth = 3) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const viommu = rig.make('VIOMMU_ALLOC', {
    type: 1,
    dev_id: device.id,
    hwpt_id: rig.parent(device, rig.ioas()),
  });
  const alloc = (fields = {}, size?: number): number =>
    rig.make('VEVENTQ_ALLOC', { viommu_id: viommu, type: 1, veventq_depth: depth, ...fields }, size);
  const queue = alloc();
  const fd = rig.out('out_veventq_fd');
  const { objects } = (rig.process.file(rig.fd)!.file as IommufdFile).context;
  const driver = objects.get(viommu, 'viommu') as Viommu;
  const report = (...bytes: number[]): number => driver.report(VEVENTQ_TYPE.ARM_SMMUV3, Uint8Array.from(bytes));
  const page = rig.allocate(0x1000);
  /** What a read of that many bytes gives, as text: flags, sequence, data. */
  const read = (length = 0x1000): string[] | number => {
    const count = rig.process.read(fd, page, length);
    if (count < 0) return count;
    const view = new DataView(rig.process.memory.read(page, count)!.buffer);
    const seen: string[] = [];
    for (let at = 0; at < count; ) {
      const [flags, sequence] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      const data = flags === 0 ? `: ${view.getUint32(at + 8, true)}` : ' lost';
      seen.push(`${sequence}${data}`);
      at += flags === 0 ? 12 : 8;
    }
    return seen;
  };
  return { rig, viommu, queue, fd, driver, report, read, page, alloc };
}

describe('events of a vIOMMU', () => {
  // covers: IF27
  test('come in order, each with a number and its data', () => {
    const { report, read } = rigged();
    report(1, 0, 0, 0);
    report(2, 0, 0, 0);
    expect(read()).toEqual(['0: 1', '1: 2']);
    report(3, 0, 0, 0);
    expect([read(), read()]).toEqual([['2: 3'], []]);
  });

  // covers: IF27
  test('beyond the depth are lost, and one header at the end has the number of the last of them', () => {
    const { report, read } = rigged(2);
    for (const value of [1, 2, 3, 4, 5]) report(value, 0, 0, 0);
    expect(read()).toEqual(['0: 1', '1: 2', '4 lost']);
    report(6, 0, 0, 0);
    expect(read()).toEqual(['5: 6']);
  });

  // covers: IF27
  test('behind the header of lost ones take its place: the gap in the numbers tells', () => {
    const { report, read } = rigged(2);
    for (const value of [1, 2, 3]) report(value, 0, 0, 0);
    expect(read(12)).toEqual(['0: 1']);
    report(4, 0, 0, 0);
    expect(read()).toEqual(['1: 2', '3: 4']);
  });

  // covers: IF27
  test('of a depth of one: an event, and what was lost since', () => {
    const { report, read } = rigged(1);
    for (const value of [1, 2, 3]) report(value, 0, 0, 0);
    expect([read(12), read(8), read()]).toEqual([['0: 1'], ['2 lost'], []]);
  });

  // covers: IF27
  test('without a queue of their type reach nobody', () => {
    const { driver, read } = rigged();
    expect(driver.report(VEVENTQ_TYPE.TEGRA241_CMDQV, Uint8Array.of(1))).toBe(-ERRNO.EOPNOTSUPP);
    expect(read()).toEqual([]);
  });
});

describe('the descriptor', () => {
  // covers: IF27
  test('gives whole events that fit, never a byte more than was asked for', () => {
    const { rig, report, read, page } = rigged();
    for (const value of [1, 2, 3]) report(value, 0, 0, 0);
    rig.process.memory.write(page, new Uint8Array(0x40).fill(0xee));
    expect(read(35)).toEqual(['0: 1', '1: 2']);
    expect(rig.bytes(page + 24, 16)).toEqual(new Array(16).fill(0xee));
    expect([read(8), read(11)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
    expect(read(12)).toEqual(['2: 3']);
  });

  // covers: IF27
  test('refuses less than a header, an offset, and memory that is not there, and keeps the events', () => {
    const { rig, fd, report, read, page } = rigged();
    expect(rig.process.read(fd, page, 7)).toBe(-ERRNO.EINVAL);
    expect(rig.process.read(fd, page, 8)).toBe(0);
    report(1, 0, 0, 0);
    expect(rig.process.pread(fd, page, 12, 12)).toBe(-ERRNO.ESPIPE);
    expect(rig.process.read(fd, UNMAPPED, 12)).toBe(-ERRNO.EFAULT);
    expect(read()).toEqual(['0: 1']);
  });

  // covers: IF27
  test('can be polled for reading, and not be written', () => {
    const { rig, fd, report, page } = rigged();
    expect(rig.process.poll(fd)).toBe(0);
    report(1);
    expect(rig.process.poll(fd)).toBe(POLL.IN);
    expect(rig.process.write(fd, page, 8)).toBe(-ERRNO.EINVAL);
  });
});

describe('VEVENTQ_ALLOC', () => {
  // covers: IF27
  test.each([
    ['flags', { flags: 1 }, ERRNO.EOPNOTSUPP],
    ['__reserved', { __reserved: 1 }, ERRNO.EOPNOTSUPP],
    ['no type', { type: 0 }, ERRNO.EOPNOTSUPP],
    ['no room at all', { type: 2, veventq_depth: 0 }, ERRNO.EINVAL],
    ['more room than there can be', { type: 2, veventq_depth: 2 ** 19 + 1 }, ERRNO.EINVAL],
    ['a vIOMMU there is not', { viommu_id: 99 }, ERRNO.ENOENT],
    ['a second queue of the type', {}, ERRNO.EEXIST],
  ])('refuses %s', (_, fields, errno) => {
    expect(rigged().alloc(fields)).toBe(-errno);
  });

  // covers: IF27
  test('takes any other type, in the struct as its first version was', () => {
    const { alloc } = rigged();
    expect(alloc({ type: 77, veventq_depth: 2 ** 19 }, 28)).toBeGreaterThan(0);
    expect(alloc({ type: 78 }, 27)).toBe(-ERRNO.EINVAL);
  });

  // covers: IF27
  test('leaves nothing behind when the table of descriptors is full', () => {
    const { rig, viommu, queue, fd, alloc } = rigged();
    rig.process.files.limit = fd + 1;
    expect(alloc({ type: 2 })).toBe(-ERRNO.EMFILE);
    rig.process.files.limit = 1024;
    expect(rig.process.close(fd)).toBe(0);
    expect([rig.destroy(queue), rig.destroy(viommu)]).toEqual([0, 0]);
  });
});

describe('descriptors of events', () => {
  // covers: IF35
  test('hold their object: it can be destroyed when they are closed', () => {
    const { rig, viommu, queue, fd } = rigged();
    const faults = rig.make('FAULT_QUEUE_ALLOC');
    const faultFd = rig.out('out_fault_fd');
    expect([rig.destroy(faults), rig.destroy(queue), rig.destroy(viommu)]).toEqual(new Array(3).fill(-ERRNO.EBUSY));
    const copy = rig.process.dup(fd);
    rig.process.close(fd);
    rig.process.close(faultFd);
    expect([rig.destroy(faults), rig.destroy(queue)]).toEqual([0, -ERRNO.EBUSY]);
    rig.process.close(copy);
    expect([rig.destroy(queue), rig.destroy(viommu)]).toEqual([0, 0]);
  });

  // covers: IF35
  test('keep the iommufd alive behind its own descriptor, and with it what is attached', () => {
    const { rig, report, read } = rigged();
    const pages = rig.process.pinnedPages;
    rig.process.close(rig.fd);
    report(1, 0, 0, 0);
    expect(read()).toEqual(['0: 1']);
    expect(rig.process.pinnedPages).toBe(pages);
  });

  // covers: IF35
  test('do not do without a device: closing all of them gives the memory back', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    rig.map(ioas, 0x1_0000, rig.allocate(0x4000), 0x4000);
    device.attach(ioas);
    rig.make('FAULT_QUEUE_ALLOC');
    const faultFd = rig.out('out_fault_fd');
    const held = rig.process.pinnedPages;
    rig.process.close(rig.fd);
    device.close();
    expect([held, rig.process.pinnedPages]).toEqual([4, 0]);
    expect(rig.process.close(faultFd)).toBe(0);
  });
});
