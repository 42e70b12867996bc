/** Page addresses at the end of a command (pas, klm_pas_mtt): 64-bit words, big-endian. */
import type { Command } from '../command.ts';
import { PageList } from '../page-list.ts';
import { addressable } from '../u64.ts';

/** Where mlx5_ifc.h puts the list in CREATE_MKEY, CREATE_CQ and CREATE_QP. */
export const PAS_AT = 0x110;

/** `count` pages of 2^`logPage` bytes; undefined if they are not there, not aligned or out of reach. */
export function readPages(command: Command, count: number, logPage: number): PageList | undefined {
  const view = command.in;
  if (logPage < 12 || logPage > 30 || PAS_AT + 8 * count > view.byteLength) return undefined;
  const pageBytes = 1 << logPage;
  const pages = new PageList(pageBytes);
  for (let i = 0, at = PAS_AT; i < count; i++, at += 8) {
    const low = view.getUint32(at + 4);
    const address = view.getUint32(at) * 0x1_0000_0000 + low;
    // Pages are at most 1 GiB: the low word shows whether the address is aligned.
    if ((low & (pageBytes - 1)) !== 0 || !addressable(address, pageBytes)) return undefined;
    pages.add(address);
  }
  return pages;
}
