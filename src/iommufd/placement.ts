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
  /** IOAS_ALLOW_IOVAS; empty: everything. */
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
  const allowed = space.allowed.length === 0 ? [{ start: FIRST, last: LAST }] : clipped(space.allowed);
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

/** __alloc_iova_check_range: the aligned start, with the offset of the memory within its page kept. */
function placeIn({ start, last }: Range, length: bigint, alignment: bigint, pageOffset: bigint): bigint | undefined {
  if (last - start < length - 1n) return undefined;
  const aligned = ((start + alignment - 1n) & -alignment) | pageOffset;
  return aligned >= last || last - aligned < length - 1n ? undefined : aligned;
}

function clipped(ranges: readonly Range[]): Range[] {
  return ranges
    .map(({ start, last }) => ({ start: start < FIRST ? FIRST : start, last: last > LAST ? LAST : last }))
    .filter(({ start, last }) => start <= last);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
