/** Page addresses at the end of a command (pas, klm_pas_mtt): 64-bit words, big-endian. */
import type { Command } from '../command.ts';
import type { PageList } from '../mkey.ts';
import { addressable, getU64 } from '../u64.ts';

/** Where mlx5_ifc.h puts the list in CREATE_MKEY, CREATE_CQ and CREATE_QP. */
export const PAS_AT = 0x110;

/** `count` pages of 2^`logPage` bytes; undefined if they are not there, not aligned or out of reach. */
export function readPages(command: Command, count: number, logPage: number): PageList | undefined {
  if (logPage < 12 || logPage > 30 || PAS_AT + 8 * count > command.in.byteLength) return undefined;
  const pageBytes = 2 ** logPage;
  const addresses = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = PAS_AT + 8 * i;
    // Pages are at most 1 GiB: the low word shows whether the address is aligned.
    if ((command.in.getUint32(at + 4) & (pageBytes - 1)) !== 0) return undefined;
    const address = getU64(command.in, at);
    if (!addressable(address, pageBytes)) return undefined;
    addresses[i] = address;
  }
  return { addresses, pageBytes };
}
