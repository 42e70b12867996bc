/** Checks on 64-bit numbers a user gave, before they become numbers of ours. */
import { TASK_SIZE } from '../../kernel/address-space.ts';

/** One past the largest u64. */
const LIMIT = 1n << 64n;

/** Does [start, start + size) run past 2^64? `size` is not 0. */
export function wraps(start: bigint, size: bigint): boolean {
  return start + size > LIMIT;
}

/** access_ok: can [address, address + size) be user memory at all? */
export function isUserRange(address: bigint, size: bigint): boolean {
  return address + size <= BigInt(TASK_SIZE);
}
