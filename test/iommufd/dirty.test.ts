import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { DIRTY_BITMAP_FLAG, HWPT_ALLOC_FLAG } from '../../src/uapi/iommufd.ts';
import { PLAIN, Rig, UNMAPPED } from './rig.ts';

const M = 0x10_0000;

/** A device on a page table that can track, with 16 pages at 1 MiB. */
function rigged(pages = 16) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const hwpt = rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.DIRTY_TRACKING);
  device.attach(hwpt);
  const memory = rig.allocate(pages * 0x1000);
  rig.map(ioas, M, memory, pages * 0x1000);
  const track = (flags = 1): number => rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt, flags });
  const get = (fields: Readonly<Record<string, number | bigint>>): number =>
    rig.call('HWPT_GET_DIRTY_BITMAP', {
      hwpt_id: hwpt,
      iova: M,
      length: 0x1_0000,
      page_size: 0x1000,
      data: rig.allocate(0x1000),
      ...fields,
    });
  return { rig, device, ioas, hwpt, memory, track, get };
}

describe('SET_DIRTY_TRACKING', () => {
  // covers: IF20
  test('forgets what was dirty before it starts', () => {
    const { rig, device, hwpt, track } = rigged();
    track();
    device.writes(M + 0x3000);
    expect(track()).toBe(0);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([]);
    device.writes(M + 0x5000);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([5]);
  });

  // covers: IF20
  test('nothing is marked before it starts, nor after it stops', () => {
    const { rig, device, hwpt, track } = rigged();
    device.writes(M);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([]);
    track();
    expect(track(0)).toBe(0);
    device.writes(M);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([]);
  });

  // covers: IF20
  test('refuses other flags, page tables that cannot, and what is none', () => {
    const { rig, device, ioas, hwpt, track } = rigged();
    expect(track(2)).toBe(-ERRNO.EOPNOTSUPP);
    const set = (hwpt_id: number, __reserved = 0): number =>
      rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id, flags: 1, __reserved });
    expect(set(rig.hwpt(device, ioas))).toBe(-ERRNO.EOPNOTSUPP);
    expect([set(ioas), set(99)]).toEqual([-ERRNO.ENOENT, -ERRNO.ENOENT]);
    expect(set(hwpt, 5)).toBe(0);
  });
});

describe('GET_DIRTY_BITMAP', () => {
  // covers: IF21 HW24
  test('shows the pages that the device wrote, and clears them', () => {
    const { rig, device, hwpt, track } = rigged();
    track();
    device.dma.write(M + 0x1ff0, new Uint8Array(0x20));
    device.reads(M + 0x7000);
    device.writes(M + 0xffff);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([1, 2, 15]);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([]);
  });

  // covers: IF21 HW24
  test('with NO_CLEAR leaves them dirty', () => {
    const { rig, device, hwpt, track } = rigged();
    track();
    device.writes(M + 0x4000);
    const peek = (): number[] | number => rig.dirty(hwpt, M, 0x1_0000, 0x1000, DIRTY_BITMAP_FLAG.NO_CLEAR);
    expect([peek(), peek(), rig.dirty(hwpt, M, 0x1_0000), peek()]).toEqual([[4], [4], [4], []]);
  });

  // covers: IF21
  test('only sets bits in the bitmap', () => {
    const { rig, device, track, get } = rigged();
    track();
    device.writes(M + 0x1000);
    const data = rig.allocate(0x1000);
    rig.put(data, 0xff00);
    expect(get({ data })).toBe(0);
    expect(rig.u64(data)).toBe(0xff02n);
  });

  // covers: IF21
  test('shows the part that was asked for, and clears only that', () => {
    const { rig, device, hwpt, track } = rigged();
    track();
    for (const page of [1, 6, 9]) device.writes(M + page * 0x1000);
    expect(rig.dirty(hwpt, M + 0x4000, 0x4000)).toEqual([2]);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([1, 9]);
  });

  // covers: IF21
  test('ends without an error where a mapping ends, and shows nothing of what is behind', () => {
    const { rig, device, ioas, hwpt, memory, track } = rigged();
    rig.map(ioas, 2 * M, memory, 0x1000);
    track();
    device.writes(M);
    device.writes(2 * M);
    expect(rig.dirty(hwpt, 0, 4 * M)).toEqual([]);
    expect(rig.dirty(hwpt, M, 4 * M)).toEqual([0]);
    expect(rig.dirty(hwpt, 2 * M, 0x1000)).toEqual([0]);
  });

  // covers: IF21
  test('answers 0 for a bitmap that cannot be written, and the bits are gone', () => {
    const { rig, device, hwpt, track, get } = rigged();
    track();
    device.writes(M);
    expect(get({ data: UNMAPPED })).toBe(0);
    expect(rig.dirty(hwpt, M, 0x1_0000)).toEqual([]);
  });

  // covers: IF21
  test.each([
    ['a length of nothing', { length: 0 }, ERRNO.EINVAL],
    ['a range past the end of the address space', { iova: 2n ** 64n - 0x1000n, length: 0x2000 }, ERRNO.EOVERFLOW],
    ['an IOVA within a page', { iova: M + 1 }, ERRNO.EINVAL],
    ['an end within a page', { length: 0x1001 }, ERRNO.EINVAL],
    ['pages of no size', { page_size: 0 }, ERRNO.EINVAL],
    ['an IOVA within a large page', { iova: M + 0x1000, length: 0x2000, page_size: 0x2000 }, ERRNO.EINVAL],
    ['an end within a large page', { length: 0x3000, page_size: 0x2000 }, ERRNO.EINVAL],
    ['a mask that the IOVA does not fit', { page_size: 0x1001 + 0x10_0000 }, ERRNO.EINVAL],
    ['another flag', { flags: 2 }, ERRNO.EOPNOTSUPP],
    ['__reserved', { __reserved: 1 }, ERRNO.EOPNOTSUPP],
    ['a page table there is not', { hwpt_id: 99 }, ERRNO.ENOENT],
  ])('refuses %s', (_, fields, errno) => {
    expect(rigged().get(fields)).toBe(-errno);
  });

  // covers: IF21
  test('is EOPNOTSUPP on a page table that cannot track, when the range is in order', () => {
    const { rig, device, ioas, get } = rigged();
    const hwpt_id = rig.hwpt(device, ioas);
    expect([get({ hwpt_id }), get({ hwpt_id, length: 0 })]).toEqual([-ERRNO.EOPNOTSUPP, -ERRNO.EINVAL]);
  });

  // covers: IF21
  test('a bit can stand for less than a page, more, or by the lowest bit of a size that is no power of two', () => {
    const { rig, device, hwpt, track } = rigged();
    const shown = (pageSize: number): number[] | number => {
      track();
      device.writes(M + 0x3000);
      return rig.dirty(hwpt, M, 0x1_0000, pageSize);
    };
    expect(shown(0x400)).toEqual([12, 13, 14, 15]);
    expect(shown(0x2000)).toEqual([1]);
    expect(shown(0x3000)).toEqual([3]);
    expect(shown(0x1_0000)).toEqual([0]);
  });

  // covers: IF21
  test('a range of any size costs what is dirty in it', () => {
    const { rig, device, track, get } = rigged();
    track();
    for (const [length, page_size] of [
      [2n ** 31n, 0x1000],
      [2n ** 47n, 0x1000],
      [2n ** 63n, 0x1000],
      [2n ** 64n - BigInt(M), M],
    ] as const) {
      device.writes(M + 0x2000);
      const data = rig.allocate(0x1000);
      expect(get({ length, page_size, data })).toBe(0);
      expect(rig.u64(data)).toBe(page_size === M ? 1n : 4n);
    }
  });

  // covers: IF21 HW24
  test('in a mapping larger than 4 GiB finds the page that was written', () => {
    const rig = new Rig({ pageSizes: [0x1000] });
    rig.process.capabilities.add('CAP_IPC_LOCK');
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    const hwpt = rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.DIRTY_TRACKING);
    device.attach(hwpt);
    expect(rig.map(ioas, 0x1_0000_0000, rig.allocate(0x1_8000_0000), 0x1_8000_0000)).toBe(0);
    rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt, flags: 1 });
    device.writes(0x2_4000_1000);
    expect(rig.dirty(hwpt, 0x2_4000_0000, 0x4000)).toEqual([1]);
    expect(rig.dirty(hwpt, 0x1_4000_0000, 0x4000)).toEqual([]);
  });

  // covers: IF21 HW24
  test('a write into a large page makes all of it dirty, unless large pages are off', () => {
    const shown = (hugePages: boolean): number[] | number => {
      const rig = new Rig();
      const device = rig.device(PLAIN);
      const ioas = rig.ioas();
      const hwpt = rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.DIRTY_TRACKING);
      device.attach(hwpt);
      if (!hugePages) rig.call('OPTION', { option_id: 1, op: 0, object_id: ioas, val64: 0 });
      rig.map(ioas, 0x20_0000, rig.allocate(0x20_0000), 0x20_0000);
      rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt, flags: 1 });
      device.writes(0x20_3000);
      return rig.dirty(hwpt, 0x20_0000, 0x20_0000);
    };
    expect(shown(true)).toEqual(Array.from({ length: 512 }, (_, page) => page));
    expect(shown(false)).toEqual([3]);
  });

  // covers: IF21
  test('each page table of an IOAS has dirty bits of its own', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    const [a, b] = [0, 1].map(() => rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.DIRTY_TRACKING));
    device.attach(a!);
    rig.map(ioas, M, rig.allocate(0x1000), 0x1000);
    for (const hwpt_id of [a!, b!]) rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id, flags: 1 });
    device.writes(M);
    expect([rig.dirty(b!, M, 0x1000), rig.dirty(a!, M, 0x1000)]).toEqual([[], [0]]);
  });
});
