/** MAP_DMA and UNMAP_DMA of a container with type1, at and beyond every border. */
import { agreeType1 } from '../bench/agree-type1.ts';
import type { Bench } from '../bench/bench.ts';
import type { Type1Bench } from '../bench/type1-bench.ts';
import { attempt, hold } from '../bench/verdict.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import type { Random } from '../random.ts';
import { last, type Type1Entry } from '../reference/type1-entry.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import {
  ALL_PAGES,
  addressOf,
  anyFailure,
  anyOffset,
  anyPage,
  anySpan,
  oddSize,
  PAGE_SIZES,
  u64,
} from './bench-values.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

export const type1Of = (tenant: Tenant): { readonly bench: Bench; readonly side: Type1Bench } => ({
  bench: tenant.bench!,
  side: tenant.bench!.type1!,
});

/** Pages as a number that arguments can be. */
export const pageOf = (value: bigint): number => Number(value / 4096n);
const ARGSZ = [0, 8, 20, 23, 24, 31, 33, 47, 48, 0xffff_ffff] as const;

const map: Operation = {
  name: 'type1_map',
  needs: 'type1',
  args: [
    'region',
    'page',
    'pages',
    'iova',
    'flags',
    'vaddrOffset',
    'iovaOffset',
    'sizeOffset',
    'argsz',
    'helper',
    'fail',
  ],
  weights: whileOpen(26),
  generate(random, tenant, world): Args {
    const { entries } = tenant.bench!.type1!.reference;
    const invalid = entries.find((entry) => entry.invalid);
    if (invalid !== undefined && random.chance(60)) return restoring(random, invalid);
    const { region, page, pages } = anySpan(random);
    const odd = random.chance(12);
    return {
      region,
      page,
      pages: odd && random.chance(40) ? oddSize(random) : pages,
      iova: nextTo(random, entries) ?? anyPage(random, world),
      flags: random.chance(88) ? random.pick([3, 3, 3, 1, 2]) : random.below(9),
      vaddrOffset: odd ? anyOffset(random, 15) : 0,
      iovaOffset: odd ? anyOffset(random, 15) : 0,
      sizeOffset: odd ? anyOffset(random, 25) : 0,
      argsz: odd && random.chance(15) ? random.pick(ARGSZ) : 32,
      helper: random.chance(4) ? 1 : 0,
      fail: anyFailure(random),
    };
  },
  run(tenant, args, world) {
    const { bench, side } = type1Of(tenant);
    const vaddr = addressOf(bench, args['region']!, args['page']!, args['vaddrOffset']!);
    const iova = u64(args['iova']!, args['iovaOffset']!);
    const size = u64(args['pages']!, args['sizeOffset']!);
    const process = args['helper'] ? bench.helper : bench.process;
    const result = attempt(world, tenant, args['fail']!, {
      name: 'MAP_DMA',
      call: () => side.map(process, args['argsz']!, args['flags']!, vaddr, iova, size),
      expect: () => side.reference.map(process, args['argsz']!, args['flags']!, vaddr, iova, size),
    });
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

/** A new address for a mapping that lost its own; now and then by another process, or for another mapping. */
function restoring(random: Random, entry: Type1Entry): Args {
  return {
    region: 0,
    page: random.below(4),
    pages: pageOf(entry.size) + (random.chance(8) ? 1 : 0),
    iova: pageOf(entry.start),
    flags: random.chance(92) ? 4 : random.below(8),
    vaddrOffset: 0,
    iovaOffset: 0,
    sizeOffset: 0,
    argsz: 32,
    helper: random.chance(30) ? 1 : 0,
    fail: 0,
  };
}

/** Just behind a mapping, or over it. */
function nextTo(random: Random, entries: readonly Type1Entry[]): number | undefined {
  if (entries.length === 0 || random.chance(70)) return undefined;
  const entry = random.pick(entries);
  return random.chance(70) ? pageOf(last(entry) + 1n) % ALL_PAGES : pageOf(entry.start);
}

/** Kinds of bitmaps that are right (see Type1Bench.bitmap): at the start of a page, within one, and over its end. */
export const BITMAPS = [0, 0, 6, 7, 8] as const;

const unmap: Operation = {
  name: 'type1_unmap',
  needs: 'type1',
  args: ['iova', 'pages', 'flags', 'iovaOffset', 'sizeOffset', 'argsz', 'pageSize', 'bitmap'],
  weights: whileOpen(20),
  generate(random, tenant, world) {
    const { entries, tracking } = tenant.bench!.type1!.reference;
    const odd = random.chance(15);
    const plain = { iovaOffset: 0, sizeOffset: 0, argsz: 24, pageSize: 0, bitmap: random.pick(BITMAPS) };
    if (!odd && random.chance(12)) return { iova: 0, pages: 0, flags: random.chance(50) ? 2 : 6, ...plain };
    // Over mappings that have lost their addresses, and others.
    const lost = !odd && random.chance(30) && entries.some(({ invalid }) => invalid);
    if (lost) return { iova: 0, pages: 0, flags: 6, ...plain };
    const { iova, pages } = range(random, entries, world);
    const dirty = tracking ? random.chance(50) : random.chance(5);
    const flags = dirty ? 1 : random.chance(12) ? 4 : 0;
    if (!odd) return { iova, pages, flags, ...plain, argsz: dirty ? 48 : 24 };
    return {
      iova,
      pages: random.chance(20) ? oddSize(random) : pages,
      flags: random.chance(70) ? flags : random.below(9),
      iovaOffset: anyOffset(random, 20),
      sizeOffset: anyOffset(random, 20),
      argsz: random.chance(60) ? 48 : random.pick(ARGSZ),
      pageSize: random.below(PAGE_SIZES.length),
      bitmap: random.below(9),
    };
  },
  run(tenant, args, world) {
    const { bench, side } = type1Of(tenant);
    const { reference } = side;
    const iova = u64(args['iova']!, args['iovaOffset']!);
    const size = u64(args['pages']!, args['sizeOffset']!);
    const argsz = args['argsz']!;
    const flags = args['flags']!;
    const bitmap = side.bitmap(args['bitmap']!, PAGE_SIZES[args['pageSize']!]!, size);
    const before = [...reference.entries];
    const tracking = reference.tracking;
    const due = new Map(before.map((entry) => [entry, dirtyOf(side, entry)]));
    const expected = reference.unmap(argsz, flags, iova, size, bitmap);
    const result = side.unmap(argsz, flags, iova, size, bitmap);
    hold(world, 'UNMAP_DMA', result, expected);
    if (result < 0) hold(world, 'UNMAP_DMA that fails, size', side.sizeKept ? 1 : 0, 1, STREAM_ROBUSTNESS.name);
    if (flags === 1 && tracking && result >= 0 && expected >= 0) {
      const gone = before.filter((entry) => !reference.entries.includes(entry));
      world.checks.dirty.bitmapTells(side, gone, due, iova, size);
    }
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

/** A mapping, several, a part of one, or what was never mapped. */
export function range(random: Random, entries: readonly Type1Entry[], world: World): { iova: number; pages: number } {
  if (entries.length === 0 || random.chance(10)) return { iova: anyPage(random, world), pages: 1 + random.below(9) };
  const first = random.pick(entries);
  const [iova, pages] = [pageOf(first.start), pageOf(first.size)];
  const choice = random.below(10);
  if (choice < 5) return { iova, pages };
  if (choice < 6) return { iova, pages: Math.max(1, pages - 1) };
  if (choice < 7) return { iova: iova + 1, pages: Math.max(1, pages - 1) };
  if (choice < 8) return { iova: Math.max(0, iova - 1 - random.below(3)), pages: pages + 4 };
  const end = pageOf(last(entries.at(-1)!)) + 1;
  return { iova, pages: end - iova };
}

/** Pages that a bitmap must tell of, as the reference has it before the call. */
export function dirtyOf({ reference }: Type1Bench, entry: Type1Entry): ReadonlySet<number> {
  const pages = new Set<number>();
  if (!reference.tracking) return pages;
  for (let page = 0; page < Math.min(pageOf(entry.size), 4096); page++)
    if (reference.isDirty(entry, page)) pages.add(page);
  return pages;
}

export const TYPE1_MAP: readonly Operation[] = [map, unmap];
