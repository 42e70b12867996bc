/** Numbers at which the arithmetic of mappings goes wrong, as pages and bytes: what JSON numbers hold exactly. */
import { MSI_WINDOW } from '../../../sim/iommu/iommu.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Bench } from '../bench/bench.ts';
import { BIG_PAGES, DEVICE_PAGES, READ_ONLY_PAGES, ROW_PAGES, ROW_STARTS } from '../bench/memory.ts';
import { POINT_BITS } from '../bench/verdict.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

/** Pages of 2^64 bytes. */
export const ALL_PAGES = 2 ** 52;
/** Page and offset as a number of 64 bits; what is beyond wraps, as it does in a register. */
export const u64 = (page: number, offset = 0): bigint => BigInt.asUintN(64, BigInt(page) * 4096n + BigInt(offset));

/** Offsets that make an address or a length odd. */
const ODD = [-1, 1, 8, 512, 2048, 4095] as const;
export const anyOffset = (random: Random, percent: number): number => (random.chance(percent) ? random.pick(ODD) : 0);

/** Borders in pages: 4 GiB, 2^63, the message window, the top. */
const SPOTS = [0, 2 ** 20, 2 ** 51, MSI_WINDOW.start / PAGE_SIZE, ALL_PAGES - 1, ALL_PAGES - 2] as const;

export function anyPage(random: Random, world: World): number {
  const choice = random.below(100);
  const [first, last] = world.machine.hardware.fabric.iommu.features.aperture;
  const low = first / PAGE_SIZE;
  if (choice < 8) return low;
  if (choice < 66) return low + random.below(24);
  if (choice < 76) return random.chance(40) ? 2 ** 20 : 2 ** 20 - 4 + random.below(8);
  if (choice < 86) return (last + 1) / PAGE_SIZE - 1 - random.below(6);
  if (choice < 92) {
    const { start, length } = MSI_WINDOW;
    return (start + (random.chance(50) ? 0 : length)) / PAGE_SIZE - 2 + random.below(5);
  }
  return random.pick(SPOTS);
}

/** Sizes around what is handed on in one go: batches of runs, words of a bitmap. */
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 22, 30] as const;
export const anySize = (random: Random): number => random.pick(SIZES);
const ODD_SIZES = [0, 64, 65, 512, 513, 1024, 2 ** 20, 2 ** 32, 2 ** 51, ALL_PAGES - 1] as const;
export const oddSize = (random: Random): number => random.pick(ODD_SIZES);

/** What fails in a call, and the how manieth; mostly nothing, then mostly an allocation. */
export function anyFailure(random: Random): number {
  if (random.chance(94)) return 0;
  const kind = random.chance(80) ? 0 : 1;
  return (kind << POINT_BITS) + 1 + random.below(kind === 0 ? 6 : 3);
}

/** Where memory comes from: see {@link addressOf}. */
export const REGION = { ROW: 0, READ_ONLY: 1, BIG: 2, NOTHING: 3, TOP: 4, DEVICE: 5 } as const;

export interface Span {
  readonly region: number;
  readonly page: number;
  readonly pages: number;
}

/** Memory that is there, mostly; of the row often from the border of a mapping on. */
export function anySpan(random: Random): Span {
  const choice = random.below(100);
  if (choice < 80) {
    const page = random.chance(50) ? random.pick(ROW_STARTS) : random.below(ROW_PAGES);
    return { region: REGION.ROW, page, pages: Math.min(anySize(random), ROW_PAGES - page) };
  }
  if (choice < 86) return { region: REGION.READ_ONLY, page: 0, pages: 1 + random.below(READ_ONLY_PAGES) };
  if (choice < 88)
    return { region: REGION.BIG, page: random.pick([0, 1, 511]), pages: random.pick([512, 513, BIG_PAGES / 2]) };
  if (choice < 92) return { region: REGION.ROW, page: ROW_PAGES - 2, pages: 4 };
  if (choice < 94) {
    const page = random.below(DEVICE_PAGES);
    return { region: REGION.DEVICE, page, pages: 1 + random.below(DEVICE_PAGES - page) };
  }
  if (choice < 97) return { region: REGION.NOTHING, page: random.below(4), pages: anySize(random) };
  return { region: REGION.TOP, page: 1 + random.below(3), pages: 1 + random.below(4) };
}

/** The address of a page of a region; of TOP, counted down from 2^64. */
export function addressOf({ memory }: Pick<Bench, 'memory'>, region: number, page: number, offset = 0): bigint {
  switch (region) {
    case REGION.ROW:
      return u64(memory.row / PAGE_SIZE + page, offset);
    case REGION.READ_ONLY:
      return u64(memory.readOnly / PAGE_SIZE + page, offset);
    case REGION.BIG:
      return u64(memory.big / PAGE_SIZE + page, offset);
    case REGION.TOP:
      return u64(ALL_PAGES - page, offset);
    case REGION.DEVICE:
      return u64(memory.device / PAGE_SIZE + page, offset);
    default:
      return u64(1 + page, offset);
  }
}

/** Page sizes of dirty bitmaps: of the machine, larger, none, and such that a shift of 32 bits loses. */
export const PAGE_SIZES: readonly bigint[] = [
  4096n,
  8192n,
  0x1_0000n,
  0x20_0000n,
  1n << 31n,
  1n << 32n,
  1n << 44n,
  1n << 63n,
  2048n,
  1n,
  0n,
  3n,
  0x3000n,
];
