import { describe, expect, it, vi } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { vfio_combine_iova_ranges } from '../../src/vfio/migration/iova-ranges.ts';
import type { IovaBitmap } from '../../src/vfio/migration/ops.ts';
import { fakeDevice, join, Tenant, UNMAPPED, u32, u64 } from './fake-device.ts';

const { E2BIG, EFAULT, EINVAL, EIO, EOVERFLOW } = ERRNO;
const START = FEATURE.DMA_LOGGING_START | FEATURE_FLAG.SET;
const STOP = FEATURE.DMA_LOGGING_STOP | FEATURE_FLAG.SET;
const REPORT = FEATURE.DMA_LOGGING_REPORT | FEATURE_FLAG.GET;
const U64 = 2n ** 64n;

type Range = readonly [iova: number | bigint, length: number | bigint];
const control = (pageSize: number | bigint, count: number, ranges: number) =>
  join(u64(pageSize), u32(count, 0), u64(ranges));

/** START with these ranges in the user's memory. */
function start(tenant: Tenant, pageSize: number | bigint, ranges: readonly Range[], count = ranges.length): number {
  const at = tenant.memory.allocate(8192);
  tenant.memory.write(at, u64(...ranges.flat()));
  return tenant.feature(START, control(pageSize, count, at));
}

const fresh = () => new Tenant(fakeDevice(0));

describe('DMA_LOGGING_START', () => {
  // covers: MG19
  it('takes 1 to 256 ranges', () => {
    const ranges = Array.from({ length: 257 }, (_, i): Range => [i * 0x1000, 0x1000]);
    expect(start(fresh(), 0x1000, ranges.slice(0, 256))).toBe(0);
    expect(start(fresh(), 0x1000, ranges)).toBe(-E2BIG);
    expect(start(fresh(), 0x1000, [])).toBe(-EINVAL);
    expect(start(fresh(), 0x1000, ranges, 0xffff_ffff)).toBe(-E2BIG);
  });

  it('counts the ranges before it looks at them, and at all of them before the driver is asked', () => {
    const tenant = fresh();
    expect(tenant.feature(START, control(0x1000, 0, UNMAPPED))).toBe(-EINVAL);
    expect(tenant.feature(START, control(0x1000, 257, UNMAPPED))).toBe(-E2BIG);
    expect(tenant.feature(START, control(0x1000, 256, UNMAPPED))).toBe(-EFAULT);
    const last = tenant.page + 4096 - 16;
    tenant.memory.write(last, u64(0, 0x1000));
    expect(tenant.feature(START, control(0x1000, 1, last))).toBe(0);
    expect(tenant.feature(START, control(0x1000, 2, last))).toBe(-EFAULT);
    expect(tenant.driver.started).toHaveLength(1);
  });

  const REFUSED: [string, number | bigint, Range[], number][] = [
    [
      'an overlap',
      0x800,
      [
        [0, 0x1000],
        [0x800, 0x1000],
      ],
      -EINVAL,
    ],
    [
      'an overlap with a later start given first',
      0x1000,
      [
        [0x3000, 0x1000],
        [0x1000, 0x3000],
      ],
      -EINVAL,
    ],
    [
      'the same range twice',
      0x1000,
      [
        [0x1000, 0x1000],
        [0x1000, 0x1000],
      ],
      -EINVAL,
    ],
    [
      'one range inside another',
      0x1000,
      [
        [0, 0x9000],
        [0x4000, 0x1000],
      ],
      -EINVAL,
    ],
    ['a range that ends at 2^64', 0x1000, [[U64 - 0x1000n, 0x1000]], -EOVERFLOW],
    ['a range that wraps', 0x1000, [[U64 - 0x1000n, 0x5000]], -EOVERFLOW],
    ['an unaligned iova', 0x1000, [[0x800, 0x1000]], -EINVAL],
    ['an unaligned length', 0x1000, [[0, 0x1001]], -EINVAL],
    ['unaligned before overflow', 0x1000, [[U64 - 1n, 0x1000]], -EINVAL],
    [
      'the overflow of an earlier range before the misalignment of a later',
      0x1000,
      [
        [U64 - 0x1000n, 0x1000],
        [1, 1],
      ],
      -EOVERFLOW,
    ],
    ['page size 0 with a range of bytes', 0, [[0, 1]], -EINVAL],
    ['page size 0 with a position', 0, [[0x1000, 0]], -EINVAL],
    [
      'anything after the range of length 0 at 0, which is the whole space',
      0x1000,
      [
        [0, 0],
        [0x5000, 0x1000],
      ],
      -EINVAL,
    ],
    [
      'a range of length 0 strictly inside another',
      0x1000,
      [
        [0, 0x4000],
        [0x2000, 0],
      ],
      -EINVAL,
    ],
  ];
  // covers: MG19
  it.each(REFUSED)('refuses %s', (_what, pageSize, ranges, error) => {
    const tenant = fresh();
    expect(start(tenant, pageSize, ranges)).toBe(error);
    expect(tenant.driver.started).toEqual([]);
  });

  const TAKEN: [string, number | bigint, Range[]][] = [
    [
      'neighbours in any order',
      0x1000,
      [
        [0x2000, 0x1000],
        [0, 0x1000],
        [0x1000, 0x1000],
      ],
    ],
    ['a page size of 3 for what its mask admits', 3, [[4, 4]]],
    ['page size 0 for the range of zeros', 0, [[0, 0]]],
    ['page size 2^63', 2n ** 63n, [[0, 2n ** 63n]]],
    [
      'a range of length 0 where another starts',
      0x1000,
      [
        [0x2000, 0x1000],
        [0x2000, 0],
      ],
    ],
    ['the last page but one', 0x1000, [[U64 - 0x2000n, 0x1000]]],
  ];
  it.each(TAKEN)('leaves %s to the driver', (_what, pageSize, ranges) => {
    const tenant = fresh();
    expect(start(tenant, pageSize, ranges)).toBe(0);
    const given = tenant.driver.started[0]!;
    expect(given.pageSize).toBe(BigInt(pageSize));
    const sorted = ranges.map(([iova, length]) => {
      return { start: BigInt(iova), last: BigInt.asUintN(64, BigInt(iova) + BigInt(length) - 1n) };
    });
    sorted.sort((a, b) => (a.start < b.start || (a.start === b.start && a.last < b.last) ? -1 : 1));
    expect(given.ranges).toEqual(sorted);
  });

  it('returns the page size of the driver to the user', () => {
    const tenant = fresh();
    tenant.driver.startResult = () => 0x4000n;
    expect(start(tenant, 0x1000, [[0, 0x1000]])).toBe(0);
    expect(tenant.u64(8)).toBe(0x4000n);
    expect(tenant.driver.stopped).toBe(0);
  });

  it('stops tracking again when the page size cannot be returned', () => {
    const tenant = fresh();
    const at = tenant.lockedPage(join(u32(32, START), control(0x1000, 1, tenant.page)));
    tenant.memory.write(tenant.page, u64(0, 0x1000));
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, at)).toBe(-EFAULT);
    expect([tenant.driver.started.length, tenant.driver.stopped]).toEqual([1, 1]);
  });

  // covers: MG23
  it('keeps no state: a second START and a STOP without START are the driver to answer', () => {
    const tenant = fresh();
    expect(tenant.feature(STOP)).toBe(0);
    expect(start(tenant, 0x1000, [[0, 0x1000]])).toBe(0);
    tenant.driver.startResult = () => -EINVAL;
    expect(start(tenant, 0x1000, [[0, 0x1000]])).toBe(-EINVAL);
    expect(tenant.driver.stopped).toBe(1);
  });
});

describe('DMA_LOGGING_REPORT', () => {
  const report = (
    tenant: Tenant,
    iova: number | bigint,
    length: number | bigint,
    pageSize: number | bigint,
    bitmap: number,
  ) => tenant.feature(REPORT, u64(iova, length, pageSize, bitmap));

  // covers: MG21
  it('checks the page size, then the range, then asks the driver once', () => {
    const tenant = fresh();
    for (const pageSize of [0, 3, 0x800, 0x1001, 0x3000])
      expect(report(tenant, U64 - 1n, 1, pageSize, 0)).toBe(-EINVAL);
    expect(report(tenant, U64 - 0x1000n, 0x1000, 0x1000, 0)).toBe(-EOVERFLOW);
    expect(report(tenant, 1, U64 - 1n, 2n ** 63n, 0)).toBe(-EOVERFLOW);
    expect(tenant.driver.calls).toEqual([]);
    expect(report(tenant, 0x1000, 2n ** 40n, 0x1000, UNMAPPED)).toBe(0);
    tenant.driver.report = () => -EIO;
    expect(report(tenant, 5, 0, 0x1000, UNMAPPED)).toBe(-EIO);
    expect(tenant.driver.calls).toEqual([`report 4096 ${2 ** 40}`, 'report 5 0']);
  });

  /** Marks `marks` for a report of [iova, iova + length) and returns `bytes` of the bitmap from `offset`. */
  function marked(
    range: readonly [iova: bigint, length: bigint, pageSize: number],
    marks: readonly [bigint, bigint][],
    bytes: number,
    options: { fill?: number; address?: (page: number) => number; offset?: number } = {},
  ): number[] {
    const tenant = fresh();
    const page = tenant.memory.allocate(0x4000);
    const address = options.address?.(page) ?? page;
    tenant.memory.write(page, new Uint8Array(0x4000).fill(options.fill ?? 0));
    tenant.driver.report = (_iova, _length, dirty: IovaBitmap) => {
      for (const [iova, length] of marks) dirty.set(iova, length);
      return 0;
    };
    expect(report(tenant, range[0], range[1], range[2], address)).toBe(0);
    return [...tenant.memory.read(address + (options.offset ?? 0), bytes)!];
  }

  // covers: MG22
  it('sets bit (address - iova) / page size, least significant bit first', () => {
    expect(
      marked(
        [0x10000n, 0x10000n, 0x1000],
        [
          [0x10000n, 1n],
          [0x19000n, 0x2000n],
        ],
        3,
      ),
    ).toEqual([1, 0x06, 0]);
    expect(marked([0x10000n, 0x10000n, 0x2000], [[0x11fffn, 2n]], 2)).toEqual([3, 0]);
    expect(
      marked(
        [0x10800n, 0x10000n, 0x1000],
        [
          [0x11000n, 0x800n],
          [0x11800n, 1n],
        ],
        1,
      ),
    ).toEqual([3]);
  });

  // covers: MG22
  it('sets long runs, over byte and page borders of the bitmap', () => {
    expect(marked([0n, 0x20000n, 0x1000], [[0x3000n, 0x10000n]], 4)).toEqual([0xf8, 0xff, 0x07, 0]);
    const pages = 4096n * 8n;
    const bits = marked([0n, (2n * pages) << 12n, 0x1000], [[(pages - 3n) << 12n, 6n << 12n]], 3, { offset: 4095 });
    expect(bits).toEqual([0xe0, 0x07, 0]);
  });

  // covers: MG22
  it('works at any address of the bitmap', () => {
    const address = (page: number) => page + 4095;
    expect(marked([0n, 0x20000n, 0x1000], [[0x7000n, 0x2000n]], 3, { address })).toEqual([0x80, 0x01, 0]);
  });

  // covers: MG21
  it('never clears a bit, and touches no byte without a mark', () => {
    expect(marked([0n, 0x20000n, 0x1000], [[0x1000n, 0x1000n]], 3, { fill: 0xa5 })).toEqual([0xa7, 0xa5, 0xa5]);
  });

  it('ignores what starts outside the range, and cuts what leaves it', () => {
    const marks: [bigint, bigint][] = [
      [0xf000n, 0x2000n],
      [0x18000n, 0x1000n],
      [0x17000n, 0x9000n],
    ];
    expect(marked([0x10000n, 0x8000n, 0x1000], marks, 3)).toEqual([0x80, 0, 0]);
    expect(marked([0x10000n, 0n, 0x1000], [[0x10000n, 0x1000n]], 1)).toEqual([0]);
  });

  it('ignores memory that cannot be pinned: unmapped, read-only, a device; the rest of the bitmap is written', () => {
    const tenant = fresh();
    const page = tenant.memory.allocate(4096);
    const pages = (4096n * 8n) << 12n; // iova one page of bitmap stands for
    tenant.driver.report = (_iova, _length, dirty) => {
      dirty.set(pages, 0x1000n); // behind the mapped page
      dirty.set(pages - 0x1000n, 0x2000n); // half of it behind
      dirty.set(0n, 0x1000n);
      return 0;
    };
    expect(report(tenant, 0, 2n * pages, 0x1000, page)).toBe(0);
    expect([...tenant.memory.read(page, 1)!, ...tenant.memory.read(page + 4095, 1)!]).toEqual([1, 0x80]);
    expect(report(tenant, 0, 2n * pages, 0x1000, tenant.lockedPage(new Uint8Array(8)))).toBe(0);
    expect(report(tenant, 0, 2n * pages, 0x1000, tenant.lockedPage(new Uint8Array(8), true))).toBe(0);
    expect(tenant.feature(REPORT, u64(0, 2n * pages, 0x1000, U64 - 1n))).toBe(0);
  });

  it('costs what is dirty and not what is asked about', () => {
    const tenant = fresh();
    const page = tenant.memory.allocate(4096);
    tenant.driver.report = (_iova, length, dirty) => {
      dirty.set(0n, 0x1000n);
      dirty.set(length - 1n, 1n); // far behind the memory of the user
      dirty.set(0n, length); // ends at the first page that is not there
      return 0;
    };
    const write = vi.spyOn(tenant.memory, 'write');
    expect(report(tenant, 0, U64 - 0x2000n, 0x1000, page)).toBe(0);
    expect(write).toHaveBeenCalledTimes(3); // the argument itself, and two marks
    expect([...tenant.memory.read(page, 2)!]).toEqual([0xff, 0xff]);
  });
});

describe('vfio_combine_iova_ranges', () => {
  const ranges = (...pairs: [number, number][]) => pairs.map(([a, b]) => ({ start: BigInt(a), last: BigInt(b) }));

  // covers: MG20
  it('merges the neighbours with the smallest gap first, the lowest of equals', () => {
    const all = ranges([0, 9], [20, 29], [32, 39], [100, 109], [112, 119]);
    expect(vfio_combine_iova_ranges(all, 5)).toEqual(all);
    expect(vfio_combine_iova_ranges(all, 4)).toEqual(ranges([0, 9], [20, 39], [100, 109], [112, 119]));
    expect(vfio_combine_iova_ranges(all, 3)).toEqual(ranges([0, 9], [20, 39], [100, 119]));
    expect(vfio_combine_iova_ranges(all, 2)).toEqual(ranges([0, 39], [100, 119]));
  });

  // covers: MG20
  it('makes everything one range, and never fewer', () => {
    const all = ranges([5, 9], [20, 29], [32, 39]);
    expect(vfio_combine_iova_ranges(all, 1)).toEqual(ranges([5, 39]));
    expect(vfio_combine_iova_ranges(all, 0)).toEqual(ranges([5, 39]));
    expect(vfio_combine_iova_ranges([], 1)).toEqual([]);
  });
});
