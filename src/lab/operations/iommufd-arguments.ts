/** What calls of an iommufd are made with: flags, places, ranges and lengths, mostly right ones. */
import { IOAS_MAP_FLAG } from '../../uapi/iommufd.ts';
import type { Bench } from '../bench/bench.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import type { Random } from '../random.ts';
import type { ReferenceIoas } from '../reference/ioas.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { ALL_PAGES, anyPage, u64 } from './bench-values.ts';

const { FIXED_IOVA, WRITEABLE, READABLE } = IOAS_MAP_FLAG;

export const sideOf = (tenant: Tenant): { readonly bench: Bench; readonly side: IommufdBench } => ({
  bench: tenant.bench!,
  side: tenant.bench!.iommufd!,
});

/** Mostly both rights and a place; some without either, or with bits that mean nothing. */
export const anyFlags = (random: Random): number =>
  random.chance(85)
    ? (random.chance(75) ? FIXED_IOVA : 0) |
      (random.chance(75) ? READABLE | WRITEABLE : random.pick([READABLE, WRITEABLE]))
    : random.below(16);

/** Just behind a mapping, over one, or anywhere. */
export function anyIova(random: Random, space: ReferenceIoas | undefined, world: World): number {
  if (space === undefined || space.areas.length === 0 || random.chance(60)) return anyPage(random, world);
  const { start, last } = random.pick(space.areas);
  return random.chance(75) ? Number((last + 1n) / 4096n) % ALL_PAGES : Number(start / 4096n);
}

/** A mapping, several, a part of one, everything, or what was never mapped. */
export function anyRange(
  random: Random,
  space: ReferenceIoas | undefined,
  world: World,
): { iova: bigint; length: bigint } {
  const areas = space?.areas ?? [];
  if (areas.length === 0 || random.chance(8))
    return { iova: u64(anyPage(random, world)), length: u64(1 + random.below(9)) };
  const { start, last } = random.pick(areas);
  const length = last - start + 1n;
  const choice = random.below(10);
  if (choice < 5) return { iova: start, length };
  if (choice < 6) return { iova: start, length: length > 4096n ? length - 4096n : length };
  if (choice < 7) return { iova: start + 4096n, length: length > 4096n ? length - 4096n : length };
  if (choice < 8) return { iova: start > 8192n ? start - 8192n : 0n, length: length + 16384n };
  return { iova: start, length: areas.at(-1)!.last - start + 1n };
}

/** Lengths around whole records, and short of them. */
export const anyLength = (random: Random, record: number): number =>
  random.chance(55)
    ? record * (1 + random.below(4))
    : Math.max(0, record * (1 + random.below(3)) + random.pick([-8, -4, -1, 1, 4, 8]));
