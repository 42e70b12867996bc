/** Which IOVA a mapping gets that asks for none, as it must be (iopt_alloc_iova of Linux 7.3): the lowest that is free. */
import * as U from './u64.ts';

export type Range = readonly [first: bigint, last: bigint];

/** An address space, as far as it says what is free. */
export interface IovaSpace {
  readonly areas: readonly { readonly start: bigint; readonly last: bigint }[];
  /** Ranges to choose from; none: all. */
  readonly allowed: readonly Range[];
  readonly reserved: readonly Range[];
  readonly alignment: bigint;
}

const HUGE = 0x20_0000n;

/** Every place that could be the first is tried; the lowest that is free wins. `address` is what is mapped there. */
export function allocateIova(space: IovaSpace, address: bigint, length: bigint): bigint | number {
  if (length >= U.TOP / 2n) return -U.EOVERFLOW;
  let size = 1n;
  while (size < length) size *= 2n;
  let alignment = address === 0n ? size : min(size, address & -address);
  alignment = min(alignment, HUGE);
  if (alignment < space.alignment) return -U.EINVAL;
  const taken: Range[] = [...space.areas.map(({ start, last }): Range => [start, last]), ...space.reserved];
  const windows = windowsOf(space.allowed);
  let best: bigint | undefined;
  for (const from of [...windows.map(([first]) => first), ...taken.map(([, last]) => last + 1n)]) {
    const at = (((from + alignment - 1n) / alignment) * alignment) | (address % U.PAGE);
    // One byte alone is not looked for in a hole of one byte.
    const last = at + (length === 1n ? 1n : length - 1n);
    const inside = windows.some(([first, end]) => first <= at && last <= end);
    if (!inside || taken.some((range) => U.overlap(range[0], range[1], at, last))) continue;
    if (best === undefined || at < best) best = at;
  }
  return best ?? -U.ENOSPC;
}

/** Neither the first page nor the last is chosen; ranges that meet are one. */
function windowsOf(allowed: readonly Range[]): Range[] {
  const [first, last] = [U.PAGE, U.TOP - U.PAGE];
  if (allowed.length === 0) return [[first, last]];
  const list: [bigint, bigint][] = [];
  for (const range of [...allowed].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const window: [bigint, bigint] = [range[0] < first ? first : range[0], range[1] > last ? last : range[1]];
    const before = list.at(-1);
    if (window[0] > window[1]) continue;
    if (before !== undefined && before[1] + 1n === window[0]) before[1] = window[1];
    else list.push(window);
  }
  return list;
}

/** What lies around a range. */
export const outside = (first: bigint, last: bigint): Range[] => [
  ...(first > 0n ? [[0n, first - 1n] as const] : []),
  ...(last < U.TOP ? [[last + 1n, U.TOP] as const] : []),
];

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
