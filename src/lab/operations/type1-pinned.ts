/** A container in which only emulated devices write: its bitmaps tell each page, and nothing else. */
import { BENCH_DMA } from './bench-dma.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';
import { TYPE1_DIRTY } from './type1-dirty.ts';
import { TYPE1_GROUPS } from './type1-groups.ts';
import { pageOf, TYPE1_MAP, type1Of } from './type1-map.ts';

const ALL = new Map([...TYPE1_GROUPS, ...TYPE1_MAP, ...TYPE1_DIRTY, ...BENCH_DMA].map((op) => [op.name, op]));
const PLAIN = { iovaOffset: 0, sizeOffset: 0, fail: 0 };
const [START, STOP, GET] = [1, 2, 4];
/** Mappings beside each other in one word of a bitmap, of other memory each. */
const PLACES = [0, 3, 9] as const;

const pinned: Operation = {
  name: 'type1_pinned',
  needs: 'type1',
  args: ['iova', 'page', 'salt'],
  weights: whileOpen(2),
  generate: (random, tenant) =>
    tenant.bench!.pinner === undefined
      ? undefined
      : { iova: random.below(64), page: random.below(3), salt: random.below(256) },
  run(tenant, { iova, page, salt }, world) {
    const { bench, side } = type1Of(tenant);
    if (bench.pinner === undefined) return -19;
    const { groups, reference } = side;
    const step = (name: string, args: Args): number =>
      Number(ALL.get(name)!.run(tenant, { ...PLAIN, ...args }, world, false));
    for (const [group, { translated, joined }] of groups.entries())
      if (!translated && !joined) step('type1_join', { group });
    for (const [group, { translated, joined }] of groups.entries())
      if (translated && joined) step('type1_leave', { group });
    for (const place of PLACES)
      step('type1_map', {
        ...{ region: 0, page: place, pages: 3, flags: 3, vaddrOffset: 0, argsz: 32, helper: 0 },
        iova: iova! + place,
      });
    const dirty = (flags: number): number => {
      const { entries } = reference;
      const [first, last] = [entries[0], entries.at(-1)];
      if (first === undefined) return 0;
      const pages = pageOf(last!.start + last!.size - first.start);
      return step('type1_dirty', { flags, iova: pageOf(first.start), pages, argsz: 48, pageSize: 0, bitmap: 0 });
    };
    if (salt! & 1) step('type1_pin', { iova: iova! + page!, offset: 0, count: 1, write: 1 });
    dirty(START);
    const at = iova! + PLACES[salt! % PLACES.length]! + page!;
    if (salt! & 2) step('bench_copy', { page: at, offset: 0, length: 64, write: 1, kernel: 1, salt: salt! });
    else step('type1_pin', { iova: at, offset: 0, count: 1, write: 1 });
    // What stays pinned is told again; what was copied is not.
    dirty(GET);
    const result = dirty(GET);
    if (salt! & 4) dirty(STOP);
    return result;
  },
};

export const TYPE1_PINNED: readonly Operation[] = [pinned];
