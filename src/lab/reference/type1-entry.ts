/** One mapping of a container with type1 in the reference, and what it costs. */
import type { AddressSpace } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import * as U from './u64.ts';
import type { UserPage } from './user-page.ts';

const MAX_BITMAP_BYTES = 0x1000_0000n;
const TASK_SIZE = 0x7fff_ffff_f000n;

/** One mapping. */
export interface Type1Entry {
  readonly start: bigint;
  readonly size: bigint;
  readonly read: boolean;
  readonly write: boolean;
  vaddr: bigint;
  process: Process;
  mm: AddressSpace;
  unlimited: boolean;
  invalid: boolean;
  /** Present while an IOMMU translates them. */
  pages: readonly UserPage[] | undefined;
  /** Pages that emulated devices pinned, by their number, and by how many. */
  readonly pins: Map<number, UserPage & { users: number }>;
  /** Pages that were written by software while tracking was on. */
  dirty: Set<number>;
}

/** What UNMAP and GET_BITMAP say of a bitmap. */
export interface BitmapArgument {
  readonly pageSize: bigint;
  readonly bytes: bigint;
  readonly address: bigint;
  /** The kernel can write there. */
  readonly good: boolean;
}

export const last = ({ start, size }: { readonly start: bigint; readonly size: bigint }): bigint => start + size - 1n;
export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const limitOf = (process: Process): number => Math.floor(process.memlockLimit / 4096);
export const bytesOf = (entries: readonly Type1Entry[]): number =>
  Number(entries.reduce((sum, { size }) => sum + size, 0n));

/** Pages a mapping has to pay for: all of a translated one, else those that are pinned. */
export function chargedOf({ pages, pins }: Type1Entry): number {
  const counted = pages ?? [...pins.values()];
  let count = 0;
  for (const page of counted) if (page.charged) count++;
  return count;
}

/** verify_bitmap_size: user memory, and enough of it. */
export function checkBitmap({ pageSize, bytes, address }: BitmapArgument, size: bigint): number {
  if (address + bytes > TASK_SIZE) return -U.EINVAL;
  const unit = pageSize & -pageSize;
  const pages = unit === 0n ? size : size / unit;
  if (pages === 0n || bytes === 0n || bytes > MAX_BITMAP_BYTES || bytes < ((pages + 63n) / 64n) * 8n) return -U.EINVAL;
  return 0;
}
