/** Where a mapping goes when the user leaves the choice to the kernel (io_pagetable.c: iopt_alloc_iova). */
import { ERRNO } from '../uapi/errno.ts';
import { holes, type Range, type Ranges } from './ranges.ts';
import { PAGE, powerOfTwoFrom, U64_MAX } from './u64.ts';

/** Page tables may use pages of 2 MiB, and so an aligned buffer is kept aligned up to that (HPAGE_SIZE). */
const HUGE_PAGE = 0x20_0000n;
/** The first and the last IOVA tried: never the lowest page, nor the highest. */
const FIRST = PAGE;
const LAST = U64_MAX - PAGE;

/** What the choice depends on. */
export interface Space {
  readonly areas: Ranges<Range>;
  /** In order of start; regions of several owners may overlap. */
  readonly reserved: readonly Range[];
  /** IOAS_ALLOW_IOVAS, disjoint and in order; empty: everything. */
  readonly allowed: readonly Range[];
  readonly alignment: bigint;
}

/** The first place that fits `length` bytes of memory at `address`, or EOVERFLOW, EINVAL, ENOSPC. */
export function chooseIova(space: Space, address: bigint, length: bigint): bigint | number {
  if (length === 0n || length >= U64_MAX / 2n) return -ERRNO.EOVERFLOW;
  const size = powerOfTwoFrom(length);
  let alignment = address === 0n ? size : min(size, address & -address);
  alignment = min(alignment, HUGE_PAGE);
  if (alignment < space.alignment) return -ERRNO.EINVAL;
  const fits = (hole: Range): bigint | undefined => placeIn(hole, length, alignment, address % PAGE);
  const allowed = space.allowed.length === 0 ? [{ start: FIRST, last: LAST }] : windows(space.allowed);
  for (const window of allowed) {
    if (fits(window) === undefined) continue;
    for (const hole of holes(space.areas.within(window.start, window.last), window.start, window.last)) {
      if (fits(hole) === undefined) continue;
      for (const free of holes(space.reserved, hole.start, hole.last)) {
        const start = fits(free);
        if (start !== undefined) return start;
      }
    }
  }
  return -ERRNO.ENOSPC;
}

/** Arithmetic of placement that must not wrap. */
export const placing = {
  /** The first multiple of `alignment` that is not below `start`; it may be 2^64, which is behind every range. */
  alignUp: (start: bigint, alignment: bigint): bigint => (start + alignment - 1n) & -alignment,
};

/** __alloc_iova_check_range: the aligned start, with the offset of the memory within its page kept. */
function placeIn({ start, last }: Range, length: bigint, alignment: bigint, pageOffset: bigint): bigint | undefined {
  const aligned = placing.alignUp(start, alignment) | pageOffset;
  return aligned >= last || last - aligned < length - 1n ? undefined : aligned;
}

/** What is both allowed and tried; ranges that touch are one window (interval_tree_span_iter). */
function windows(allowed: readonly Range[]): Range[] {
  const list: { readonly start: bigint; last: bigint }[] = [];
  for (const { start, last } of allowed) {
    const window = { start: start < FIRST ? FIRST : start, last: last > LAST ? LAST : last };
    const before = list.at(-1);
    if (window.start > window.last) continue;
    if (before !== undefined && before.last + 1n === window.start) before.last = window.last;
    else list.push(window);
  }
  return list;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
