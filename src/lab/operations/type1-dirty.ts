/** DIRTY_PAGES, and GET_INFO, of a container with type1. */
import { Oops } from '../../../sim/oops.ts';
import { agreeType1 } from '../bench/agree-type1.ts';
import { attempt } from '../bench/verdict.ts';
import { DIRTY_TRACKING_SOUNDNESS } from '../properties/dirty-tracking-soundness.ts';
import { anyFailure, anyOffset, oddSize, PAGE_SIZES, u64 } from './bench-values.ts';
import { type Operation, whileOpen } from './operation.ts';
import { BITMAPS, dirtyOf, range, type1Of } from './type1-map.ts';

const START = 1;
const STOP = 2;
const GET = 4;

const dirty: Operation = {
  name: 'type1_dirty',
  needs: 'type1',
  args: ['flags', 'iova', 'pages', 'iovaOffset', 'sizeOffset', 'argsz', 'pageSize', 'bitmap', 'fail'],
  weights: whileOpen(14),
  generate(random, tenant, world) {
    const { entries, tracking } = tenant.bench!.type1!.reference;
    const odd = random.chance(12);
    const flags = tracking
      ? random.chance(85)
        ? GET
        : random.chance(70)
          ? STOP
          : START
      : random.chance(80)
        ? START
        : GET;
    const { iova, pages } = range(random, entries, world);
    if (!odd)
      return {
        flags,
        iova,
        pages,
        iovaOffset: 0,
        sizeOffset: 0,
        argsz: 48,
        pageSize: 0,
        bitmap: random.pick(BITMAPS),
        fail: anyFailure(random),
      };
    return {
      flags: random.chance(70) ? flags : random.below(9),
      iova,
      pages: random.chance(30) ? oddSize(random) : pages,
      iovaOffset: anyOffset(random, 20),
      sizeOffset: anyOffset(random, 20),
      argsz: random.chance(80) ? 48 : random.pick([0, 7, 8, 47]),
      pageSize: random.below(PAGE_SIZES.length),
      bitmap: random.below(9),
      fail: 0,
    };
  },
  run(tenant, args, world) {
    const { bench, side } = type1Of(tenant);
    const { reference } = side;
    const iova = u64(args['iova']!, args['iovaOffset']!);
    const size = u64(args['pages']!, args['sizeOffset']!);
    const [argsz, flags] = [args['argsz']!, args['flags']!];
    const bitmap = side.bitmap(args['bitmap']!, PAGE_SIZES[args['pageSize']!]!, size);
    let expected = -1;
    let result: number;
    try {
      result = attempt(world, tenant, args['fail']!, {
        name: 'DIRTY_PAGES',
        property: DIRTY_TRACKING_SOUNDNESS.name,
        call: () => side.dirtyPages(argsz, flags, iova, size, bitmap),
        expect: () => (expected = reference.dirtyPages(argsz, flags, iova, size, bitmap)),
      });
    } catch (error) {
      if (error instanceof Oops) world.checks.dirty.notTold('the kernel crashes');
      throw error;
    }
    if (flags === GET && expected === 0 && result === 0) {
      const told = reference.entries.filter((e) => e.start >= iova && e.start - iova < size);
      const due = new Map(told.map((entry) => [entry, dirtyOf(side, entry)]));
      world.checks.dirty.bitmapTells(side, told, due, iova, size);
      for (const entry of told) reference.reported(entry);
    }
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

export const TYPE1_DIRTY: readonly Operation[] = [dirty];
