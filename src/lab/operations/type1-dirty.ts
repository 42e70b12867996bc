/** DIRTY_PAGES, and GET_INFO, of a container with type1. */
import { Oops } from '../../../sim/oops.ts';
import { iommu_type1_info, VFIO } from '../../uapi/vfio.ts';
import { agreeType1 } from '../bench/agree-type1.ts';
import { attempt, hold } from '../bench/verdict.ts';
import { DIRTY_TRACKING_SOUNDNESS } from '../properties/dirty-tracking-soundness.ts';
import { anyFailure, anyOffset, oddSize, PAGE_SIZES, u64 } from './bench-values.ts';
import { type Operation, whileOpen } from './operation.ts';
import { dirtyOf, range, type1Of } from './type1-map.ts';

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
        bitmap: 0,
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
      bitmap: random.below(6),
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

const INFO_SIZES = [0, 8, 15, 16, 17, 20, 24, 32, 55, 56, 72, 88, 103, 104, 120, 256, 4096, 0xffff_ffff] as const;

const info: Operation = {
  name: 'type1_info',
  needs: 'type1',
  args: ['argsz'],
  weights: whileOpen(3),
  generate: (random) => ({ argsz: random.pick(INFO_SIZES) }),
  run(tenant, { argsz }, world) {
    const { bench, side } = type1Of(tenant);
    const room = Math.min(argsz!, 4096);
    const { at, size } = iommu_type1_info;
    bench.scratch.begin(Math.max(room, 4)).setUint32(0, argsz!, true);
    const result = bench.process.ioctl(side.fd, VFIO.IOMMU_GET_INFO, bench.scratch.put(Math.max(room, 4)));
    const expected = !side.reference.active || argsz! < at.cap_offset ? -22 : 0;
    hold(world, 'GET_INFO', result, expected);
    if (result < 0) return result;
    world.observe(tenant, bench.process.memory.copyIn(bench.scratch.address, room)!);
    const view = bench.scratch.take(Math.max(room, size));
    if (room >= 72 && expected === 0 && view.getUint32(at.cap_offset, true) !== 0) {
      const left = view.getUint32(56 + 8, true);
      hold(world, 'DMA_AVAIL', left, side.reference.limit - side.reference.entries.length, 'resource bound');
    }
    return result;
  },
};

export const TYPE1_DIRTY: readonly Operation[] = [dirty, info];
