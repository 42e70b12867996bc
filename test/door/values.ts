/** Values that are likely to be wrong: where a check that is missing would show. */
import type { Random } from '../../src/lab/random.ts';

/** Numbers at the edges of the types that hold them. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  0xffn,
  0xfffn,
  0x1000n,
  0x1001n,
  0x10_0000n,
  0x1000_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0xfee0_0000n,
  0x7fff_ffff_f000n,
  0x1_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_f000n,
  0xffff_ffff_ffff_ffffn,
];

/** What a field can be besides an edge. */
export interface Surroundings {
  /** Descriptors, open and closed. */
  readonly descriptors: readonly number[];
  /** Addresses: of memory that can be written, read, or neither. */
  readonly addresses: readonly number[];
}

/** A value for a field: one that makes sense there, or, `wild` times in a hundred, any. */
export function fieldValue(random: Random, name: string, size: number, around: Surroundings, wild: number): bigint {
  if (!random.chance(wild)) return sensibleValue(random, name, size, around);
  const kind = random.below(12);
  if (kind < 5) return random.pick(EDGES);
  if (kind < 8) return BigInt(random.below(16));
  if (kind < 10) return BigInt(random.pick(around.descriptors));
  if (kind < 11 && size === 8) return BigInt(random.pick(around.addresses) + random.below(3) * random.below(4096));
  return (BigInt(random.bits()) << 32n) | BigInt(random.bits());
}

function sensibleValue(random: Random, name: string, size: number, around: Surroundings): bigint {
  if (name.startsWith('__reserved') || name === 'pad') return 0n;
  if (name === 'flags') return random.chance(30) ? 0n : BigInt(random.below(2 ** random.below(7)));
  if (name.endsWith('fd') || name === 'fd') return BigInt(random.pick(around.descriptors));
  if (name === 'dev_id') return 1n;
  if (name.endsWith('_id') || name === 'id') return BigInt(random.chance(60) ? 2 : 1 + random.below(8));
  if (/ptr|addr|data|bitmap|vaddr|user_va|allowed_iovas|ranges/.test(name) && size === 8)
    return BigInt(random.chance(90) ? around.addresses[0]! : random.pick(around.addresses));
  if (size === 8 && /iova|start/.test(name)) return BigInt(random.below(16)) * 0x1000n;
  if (size === 8 && /size|length/.test(name)) return BigInt(1 + random.below(4)) * 0x1000n;
  return BigInt(random.chance(40) ? 0 : random.below(8));
}

/** A length of a read, write or mapping: 2^31, 2^32 - 1 and 2^64 - 1 among them. */
export function lengthValue(random: Random): number {
  return random.chance(70) ? random.below(600) : Number(random.pick(EDGES));
}

/** A place in a file: regions of a device are 2^40 apart. */
export function offsetValue(random: Random): number {
  const region = random.below(10) * 2 ** 40;
  return region + (random.chance(80) ? random.below(0x140) : Number(random.pick(EDGES)));
}
