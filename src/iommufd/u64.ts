/** Arithmetic on 64-bit numbers of the user. */

/** ULONG_MAX. */
export const U64_MAX = 0xffff_ffff_ffff_ffffn;
export const PAGE = 4096n;

/** The last byte of [start, start + length), or undefined if that does not fit 64 bits; `length` is not 0. */
export function lastOf(start: bigint, length: bigint): bigint | undefined {
  const last = start + length - 1n;
  return last > U64_MAX ? undefined : last;
}

/** Does `value` have any bit below `alignment`, a power of two? */
export function misaligned(value: bigint, alignment: bigint): boolean {
  return (value & (alignment - 1n)) !== 0n;
}

/** roundup_pow_of_two. */
export function powerOfTwoFrom(value: bigint): bigint {
  let power = 1n;
  while (power < value) power <<= 1n;
  return power;
}
