/** Groups that join and leave a container with type1, and emulated devices in it that pin pages. */
import { agreeType1 } from '../bench/agree-type1.ts';
import type { BenchGroup } from '../bench/type1-bench.ts';
import { hold } from '../bench/verdict.ts';
import { DMA_CONFINEMENT } from '../properties/dma-confinement.ts';
import { anyOffset, anyPage, u64 } from './bench-values.ts';
import { type Operation, whileOpen } from './operation.ts';
import { pageOf, type1Of } from './type1-map.ts';

const join: Operation = {
  name: 'type1_join',
  needs: 'type1',
  args: ['group'],
  weights: whileOpen(8),
  generate(random, tenant) {
    const { groups } = tenant.bench!.type1!;
    const out = groups.flatMap(({ joined }, index) => (joined ? [] : [index]));
    return out.length === 0 ? undefined : { group: random.pick(out) };
  },
  run(tenant, args, world) {
    const { bench, side } = type1Of(tenant);
    const group = side.groups[args['group']!];
    if (group === undefined || group.joined) return -16;
    const expected = side.reference.attach(group.translated);
    const result = side.join(args['group']!);
    if (expected === 0 && result === 0 && !group.translated) side.reference.listeners++;
    hold(world, 'joining the container', result, expected);
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

const leave: Operation = {
  name: 'type1_leave',
  needs: 'type1',
  args: ['group'],
  weights: whileOpen(5),
  generate(random, tenant) {
    const inside = joinedOf(tenant.bench!.type1!.groups);
    return inside.length === 0 ? undefined : { group: random.pick(inside) };
  },
  run(tenant, args, world) {
    const { bench, side } = type1Of(tenant);
    const group = side.groups[args['group']!];
    if (group === undefined || !group.joined) return -22;
    const { reference } = side;
    if (!group.translated) {
      reference.pins.giveBack(0n, 0xffff_ffff_ffff_ffffn);
      reference.listeners--;
    }
    const result = side.leave(args['group']!);
    reference.detach(group.translated);
    hold(world, 'leaving the container', result, 0);
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

const joinedOf = (groups: readonly BenchGroup[]): number[] =>
  groups.flatMap(({ joined }, index) => (joined ? [index] : []));

/** Pages of calls that pin: few, and around the most one call takes. */
const COUNTS = [1, 2, 3, 5, 9, 0, 512, 513] as const;

const pin: Operation = {
  name: 'type1_pin',
  needs: 'type1',
  args: ['iova', 'offset', 'count', 'write'],
  weights: whileOpen(9),
  generate(random, tenant, world) {
    const { bench, side } = type1Of(tenant);
    if (bench.pinner === undefined || (side.reference.listeners === 0 && random.chance(90))) return undefined;
    const { entries } = side.reference;
    const odd = random.chance(15);
    const near = entries.length > 0 && !random.chance(10) ? random.pick(entries) : undefined;
    const inside =
      near === undefined ? anyPage(random, world) : pageOf(near.start) + random.below(Math.min(pageOf(near.size), 32));
    return {
      // Half of what is odd is so by 2^32: bits that a narrow number loses.
      iova: odd && random.chance(50) ? inside + 2 ** 20 : inside,
      offset: anyOffset(random, 10),
      count: odd ? random.pick(COUNTS) : 1 + random.below(3),
      write: random.below(2),
    };
  },
  run(tenant, { iova, offset, count, write }, world) {
    const { bench, side } = type1Of(tenant);
    const { pinner } = bench;
    if (pinner === undefined) return -19;
    // Drivers give type1 pages; an offset is exact in a number only below.
    const at = u64(iova!, iova! < 2 ** 40 ? offset : 0);
    const { reference } = side;
    const open = reference.listeners > 0;
    const expected = open ? reference.pins.pin(at, count!, write !== 0) : -22;
    const result = pinner.pin(at, count!, write !== 0);
    hold(world, 'vfio_pin_pages', result, expected, DMA_CONFINEMENT.name);
    if (result === 0 && expected === 0) {
      const { pages } = pinner.pins.at(-1)!;
      for (const [index, physical] of pages.entries()) {
        const page = at - (at % 4096n) + BigInt(index) * 4096n;
        const entry = reference.find(page, 4096n);
        const known = entry?.pins.get(Number((page - entry.start) / 4096n));
        if (known?.physical !== physical) world.checks.dma.otherPage(page);
      }
    }
    if (world.watched) agreeType1(world, bench, side);
    return result;
  },
};

const unpin: Operation = {
  name: 'type1_unpin',
  needs: 'type1',
  args: ['index'],
  weights: whileOpen(3),
  generate(random, tenant) {
    const { held } = tenant.bench!.type1!.reference.pins;
    return held.length === 0 ? undefined : { index: random.below(held.length) };
  },
  run(tenant, { index }, world) {
    const { bench, side } = type1Of(tenant);
    side.reference.pins.unpinHeld(index!);
    bench.pinner?.unpin(index!);
    if (world.watched) agreeType1(world, bench, side);
    return 0;
  },
};

export const TYPE1_GROUPS: readonly Operation[] = [join, leave, pin, unpin];
