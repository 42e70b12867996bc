import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { bitmapBytes, DirtyBitmap } from '../../src/vfio/type1/dirty-bitmap.ts';
import { bytes, TestMachine, type1Of, UNMAPPED, u32, u64 } from './container-machine.ts';

const { EACCES, EFAULT, EINVAL, EOVERFLOW } = ERRNO;
const [START, STOP] = [1, 2];
const ONES = 0xffff_ffff_ffff_ffffn;
const MIB = 0x10_0000;

function tracked() {
  const opened = new TestMachine().opened();
  const { memory } = opened.user.process;
  const { user, container } = opened;
  const at = { bitmap: memory.allocate(MIB), memory: memory.allocate(4 * MIB) };
  /** A query with a zeroed bitmap of `words`; the words, or the errno. */
  const query = (iova: number, size: number, words = 1): bigint[] | number => {
    memory.write(at.bitmap, new Uint8Array(words * 8));
    const error = user.getDirty(container, iova, size, at.bitmap, words * 8);
    return error < 0 ? error : Array.from({ length: words }, (_, n) => user.u64(n * 8, at.bitmap));
  };
  return { ...opened, ...at, query };
}

describe('dirty pages', () => {
  it('are tracked by v2 containers only', () => {
    const { user, container } = new TestMachine().opened(EXTENSION.TYPE1_IOMMU);
    expect(user.process.ioctl(container, VFIO.IOMMU_DIRTY_PAGES, UNMAPPED)).toBe(-EACCES);
  });

  // covers: T114
  it('are started, stopped or asked for, one at a time', () => {
    const { user, container } = tracked();
    expect(user.process.ioctl(container, VFIO.IOMMU_DIRTY_PAGES, UNMAPPED)).toBe(-EFAULT);
    for (const argsz of [0, 7]) expect(user.call(container, VFIO.IOMMU_DIRTY_PAGES, u32(argsz, START))).toBe(-EINVAL);
    for (const flags of [0, 3, 5, 6, 7, 8, 9]) expect(user.dirty(container, flags)).toBe(-EINVAL);
    expect(user.dirty(container, STOP)).toBe(0);
    expect(user.dirty(container, START)).toBe(0);
    expect(user.dirty(container, START)).toBe(0);
    expect(user.dirty(container, STOP)).toBe(0);
  });

  // covers: T115
  it('GET_BITMAP reports the first of several faults, in the order of the kernel', () => {
    const { user, container, bitmap, memory } = tracked();
    const get = (argsz: number, ...fields: (number | bigint)[]) =>
      user.call(container, VFIO.IOMMU_DIRTY_PAGES, bytes(u32(argsz, 4), u64(...fields)));
    const TOP = ONES - 0xfffn;
    for (const argsz of [8, 40, 47]) expect(get(argsz, TOP, 0x2000, 0, 0, 0)).toBe(-EINVAL);
    user.process.memory.write(user.page + 0xff8, u32(48, 4));
    expect(user.process.ioctl(container, VFIO.IOMMU_DIRTY_PAGES, user.page + 0xff8)).toBe(-EFAULT);
    expect(get(48, TOP, 0, 4096, 8, bitmap)).toBe(-EINVAL);
    expect(get(48, TOP, 0x2000, 0, 0, TOP), 'wrap first').toBe(-EOVERFLOW);
    expect(get(48, 0, 0x1000, 4096, 8, TOP), 'no user address').toBe(-EINVAL);
    for (const length of [0, 7, 0x1000_0001]) expect(get(48, 0, 0x1000, 4096, length, bitmap)).toBe(-EINVAL);
    expect(get(48, 0, 0x4_1000, 4096, 8, bitmap), 'one page more than bits').toBe(-EINVAL);
    expect(user.map(container, MIB, 0x4000, memory)).toBe(0);
    expect(get(48, MIB, 0x4000, 4096, 8, bitmap), 'tracking is off').toBe(-EINVAL);
    user.dirty(container, START);
    for (const pageSize of [0, 2048, 8192, 4097]) expect(get(48, MIB, 0x4000, pageSize, 8, bitmap)).toBe(-EINVAL);
    expect(get(48, MIB + 1, 0x4000, 4096, 8, bitmap)).toBe(-EINVAL);
    expect(get(48, MIB, 0x4001, 4096, 8, bitmap)).toBe(-EINVAL);
    for (const [iova, size] of [
      [MIB, 0x1000],
      [MIB + 0x1000, 0x1000],
      [MIB + 0x1000, 0x3000],
      [MIB - 0x1000, 0x2000],
    ] as const)
      expect(get(48, iova, size, 4096, 8, bitmap), 'cuts a mapping').toBe(-EINVAL);
    expect(get(48, MIB, 0x4000, 4096, 8, UNMAPPED), 'nothing there').toBe(-EFAULT);
    expect(get(48, MIB - 0x1000, 0x5000, 4096, 8, UNMAPPED), 'nor behind the first page').toBe(-EFAULT);
    expect(get(64, MIB, 0x4000, 4096, 16, bitmap)).toBe(0);
  });

  // covers: T115
  it('are all mapped pages, always, for a device behind an IOMMU', () => {
    const { user, container, memory, query } = tracked();
    user.map(container, 0x1000, 0x2000, memory);
    user.dirty(container, START);
    for (let n = 0; n < 2; n++) expect(query(0x1000, 0x2000)).toEqual([3n]);
    expect(query(0, 0x4000)).toEqual([6n]);
    user.map(container, 0x4_0000, 0x1000, memory);
    expect(query(0x4_0000, 0x4000)).toEqual([1n]);
    expect(query(0x10_0000, 0x4000)).toEqual([0n]);
    user.dirty(container, STOP);
    expect(query(0, 0x4000)).toBe(-EINVAL);
  });

  it('follow the recorded sequence, stale bits beyond the mapping included', () => {
    const { user, container, memory, bitmap, query } = tracked();
    user.map(container, MIB, 0x4000, memory);
    user.dirty(container, START);
    expect(query(MIB, 0x4000)).toEqual([0xfn]);
    expect(query(0, MIB, 4)).toEqual([0n, 0n, 0n, 0n]);
    expect(query(MIB, 0x8000)).toEqual([0xfn]);
    expect(query(MIB - 0x1000, 0x8000)).toEqual([0x1en]);
    expect(query(MIB, 0x4000)).toEqual([0x1fn]);
    user.map(container, 9 * MIB, 0x4000, memory);
    expect(query(9 * MIB, 0x4000)).toEqual([0xfn]);
    expect(query(MIB, 0x80_4000, 33)).toEqual([0x1fn, ...Array(31).fill(0n), 0xfn]);
    user.put(bitmap, 0);
    expect(user.unmapDirty(container, MIB, 0x4000, bitmap)).toBe(0x4000);
    expect(user.u64(0, bitmap)).toBe(0x1fn);
    user.put(bitmap, 0);
    expect(user.unmapDirty(container, 9 * MIB, 0x4000, bitmap, 8, 8192)).toBe(-EINVAL);
    expect(user.unmapDirty(container, 9 * MIB, 0x4000, bitmap, 0)).toBe(-EINVAL);
    expect(user.unmapDirty(container, 9 * MIB, 0x2000, bitmap)).toBe(-EINVAL);
    expect(user.u64(0, bitmap)).toBe(0n);
    expect(user.unmapDirty(container, 9 * MIB, 0x4000, bitmap)).toBe(0x4000);
    expect(user.u64(0, bitmap)).toBe(0xfn);
  });

  it('beyond a mapping wander further with every query that is not aligned', () => {
    const { user, container, memory, query } = tracked();
    user.map(container, 0x1000, 0x2000, memory);
    user.dirty(container, START);
    for (const word of [0x6n, 0xen, 0x1en, 0x3en]) expect(query(0, 0x4000)).toEqual([word]);
  });

  it('forget stale bits when tracking stops', () => {
    const { user, container, memory, query } = tracked();
    user.map(container, 0x3000, 0x1000, memory);
    user.dirty(container, START);
    expect(query(0, 0x4000)).toEqual([8n]);
    expect(query(0x3000, 0x1000)).toEqual([9n]);
    user.dirty(container, STOP);
    user.dirty(container, START);
    expect(query(0x3000, 0x1000)).toEqual([1n]);
  });

  it('leave the words of holes alone, and in words of mappings add to or replace what was there', () => {
    const { user, container, memory, bitmap } = tracked();
    user.map(container, 0, 0x1000, memory);
    user.map(container, 0x8_2000, 0x2000, memory);
    user.dirty(container, START);
    user.put(bitmap, ONES, ONES, 1n | (1n << 40n), ONES);
    expect(user.getDirty(container, 0, 0x10_0000, bitmap, 32)).toBe(0);
    const words = [0, 8, 16, 24].map((offset) => user.u64(offset, bitmap));
    // A mapping at the first bit of a word replaces the word; one in its middle adds to all of it.
    expect(words).toEqual([1n, ONES, 0xdn | (1n << 40n), ONES]);
  });

  // covers: T112
  it('of an unmap that faults are lost, with the mappings that went before', () => {
    const { user, container, memory } = tracked();
    for (const n of [0, 64]) user.map(container, n * 0x1000, 0x1000, memory);
    user.dirty(container, START);
    const word = user.process.memory.allocate(0x1000) + 0xff8;
    expect(user.unmapDirty(container, 0, 0x8_0000, word, 16)).toBe(-EFAULT);
    expect(user.u64(16)).toBe(0x8_0000n);
    expect(user.u64(0, word)).toBe(1n);
    expect(type1Of(user, container).state.mappings.all.map((dma) => dma.start)).toEqual([0x4_0000]);
  });

  it('cannot be tracked in a mapping of 2^31 pages, which is not made then', () => {
    const { user, container, iommuGroup } = tracked();
    const size = 2 ** 43;
    const huge = user.process.memory.allocate(size);
    expect(user.map(container, size, size, huge)).toBe(0);
    expect(user.dirty(container, START)).toBe(-EINVAL);
    expect(type1Of(user, container).state.tracking).toBe(false);
    user.unmap(container, 0, 0, 2);
    user.dirty(container, START);
    expect(user.map(container, size, size, huge)).toBe(-EINVAL);
    expect(iommuGroup.domain.mappings.size).toBe(0);
    expect(user.process.lockedPages).toBe(0);
  });
});

/** The kernel's array of words, in the plainest way. */
class PlainBitmap {
  readonly words: bigint[];
  readonly pages: number;
  constructor(pages: number) {
    this.pages = pages;
    this.words = Array(Math.ceil(pages / 64) + 1).fill(0n);
  }
  set(from: number, count: number, value: boolean): void {
    for (let bit = from; bit < from + count; bit++) {
      const mask = 1n << BigInt(bit % 64);
      const index = Math.floor(bit / 64);
      this.words[index] = value ? this.words[index]! | mask : this.words[index]! & ~mask;
    }
  }
  shift(by: number): void {
    const limit = Math.ceil((this.pages + by) / 64);
    for (let k = limit - 1; k >= 0; k--) {
      const below = k > 0 ? this.words[k - 1]! >> BigInt(64 - by) : 0n;
      this.words[k] = ((this.words[k]! << BigInt(by)) & ONES) | below;
    }
  }
  out(shifted: number): bigint[] {
    return this.words.slice(0, Math.ceil((this.pages + shifted) / 64));
  }
}

it('a compact bitmap is at all times the same as an array of words', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('mark' as const), at: fc.nat(400), count: fc.integer({ min: 1, max: 200 }) }),
    fc.record({
      kind: fc.constant('query' as const),
      shift: fc.integer({ min: 0, max: 63 }),
      before: fc.bigInt({ min: 0n, max: ONES }),
      all: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.array(step, { minLength: 1, maxLength: 12, size: 'max' }),
      (pages, steps) => {
        const [compact, plain] = [new DirtyBitmap(pages), new PlainBitmap(pages)];
        for (const s of steps) {
          if (s.kind === 'mark') {
            const first = s.at % pages;
            const count = Math.min(s.count, pages - first);
            compact.mark(first, count);
            plain.set(first, count, true);
            continue;
          }
          if (s.all) {
            compact.markAll();
            plain.set(0, pages, true);
          }
          if (s.shift > 0) {
            compact.shift(s.shift);
            plain.shift(s.shift);
            compact.merge(s.before);
            plain.words[0]! |= s.before;
          }
          const words: bigint[] = [];
          compact.copyOut(s.shift, (_offset, part) => {
            const view = new DataView(part.buffer, part.byteOffset, part.length);
            for (let at = 0; at < part.length; at += 8) words.push(view.getBigUint64(at, true));
            return true;
          });
          expect(words).toEqual(plain.out(s.shift));
          expect(words.length * 8).toBe(bitmapBytes(pages + s.shift));
          compact.clearPages();
          plain.set(0, pages, false);
        }
      },
    ),
  );
});
