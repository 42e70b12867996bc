/** The first stage of a nested translation: page tables that lie in memory of the user, walked request by request. */
import type { PhysicalMemory } from '../memory.ts';
import type { Domain } from './domain.ts';

/** How an I/O address becomes an address of the second stage. */
export type Stage1 =
  | { readonly kind: 'abort' }
  | { readonly kind: 'bypass' }
  /** x86-64 page tables (VT-d specification 3.6: first-stage translation); `root` is an address of the second stage. */
  | { readonly kind: 'x86'; readonly root: number };

/** Bits of an entry (VT-d 9.8). */
const ENTRY = { P: 1n, RW: 2n, US: 4n, A: 0x20n, D: 0x40n, PS: 0x80n, ADDRESS: 0x000f_ffff_ffff_f000n } as const;
const LEVELS = 4;
const INDEX_BITS = 9;
const PAGE_BITS = 12;

/** The second-stage address behind `iova`; undefined: a fault. Every table read goes through the second stage itself. */
export function walk(
  stage1: Stage1,
  second: Domain,
  memory: PhysicalMemory,
  iova: number,
  write: boolean,
): number | undefined {
  if (stage1.kind === 'abort') return undefined;
  if (stage1.kind === 'bypass') return iova;
  const address = BigInt(iova);
  if (address >> BigInt(PAGE_BITS + INDEX_BITS * LEVELS) !== 0n) return undefined;
  let table = stage1.root;
  for (let level = LEVELS; level > 0; level--) {
    const shift = BigInt(PAGE_BITS + INDEX_BITS * (level - 1));
    const at = table + Number((address >> shift) & 0x1ffn) * 8;
    const entry = readEntry(second, memory, at);
    if (entry === undefined || !(entry & ENTRY.P) || !(entry & ENTRY.US)) return undefined;
    if (write && !(entry & ENTRY.RW)) return undefined;
    const leaf = level === 1 || (level < LEVELS && (entry & ENTRY.PS) !== 0n);
    const marked = entry | ENTRY.A | (leaf && write ? ENTRY.D : 0n);
    if (marked !== entry && !writeEntry(second, memory, at, marked)) return undefined;
    const frame = entry & ENTRY.ADDRESS;
    if (leaf) {
      const mask = (1n << shift) - 1n;
      return Number((frame & ~mask) | (address & mask));
    }
    table = Number(frame);
  }
  return undefined;
}

function readEntry(second: Domain, memory: PhysicalMemory, address: number): bigint | undefined {
  const mapping = second.translate(address, false);
  if (mapping === undefined) return undefined;
  const bytes = new Uint8Array(8);
  if (!memory.read(mapping.physical + address - mapping.start, bytes)) return undefined;
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

/** Accessed and dirty bits are the unit's own writes to the table, and need the right to it (VT-d 3.6.2). */
function writeEntry(second: Domain, memory: PhysicalMemory, address: number, entry: bigint): boolean {
  const mapping = second.translate(address, true);
  if (mapping === undefined) return false;
  const offset = address - mapping.start;
  mapping.dirty?.mark(offset, 8);
  const bytes = new Uint8Array(BigUint64Array.of(entry).buffer);
  return memory.write(mapping.physical + offset, bytes);
}
