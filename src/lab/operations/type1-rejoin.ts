/** Groups leave a container, what is mapped then lies where their devices must not reach or not, and they come back to it. */
import { BENCH_PROCESS } from './bench-process.ts';
import { anyPage } from './bench-values.ts';
import { type Operation, whileOpen } from './operation.ts';
import { TYPE1_GROUPS } from './type1-groups.ts';
import { TYPE1_MAP, type1Of } from './type1-map.ts';

const [join, leave] = ['type1_join', 'type1_leave'].map((name) => TYPE1_GROUPS.find((one) => one.name === name)!);
const map = TYPE1_MAP.find(({ name }) => name === 'type1_map')!;
const LIMIT = BENCH_PROCESS.find(({ name }) => name === 'bench_limit')!;
/** Neighbours are not of the same memory. */
const APART = 16;
/** Arguments of a mapping of one page that nothing is odd about. */
const PLAIN = {
  region: 0,
  pages: 1,
  flags: 3,
  vaddrOffset: 0,
  iovaOffset: 0,
  sizeOffset: 0,
  argsz: 32,
  helper: 0,
  fail: 0,
};

const rejoin: Operation = {
  name: 'type1_rejoin',
  needs: 'type1',
  args: ['first', 'second', 'third', 'limit'],
  weights: whileOpen(4),
  generate: (random, _tenant, world) => ({
    first: anyPage(random, world),
    second: anyPage(random, world),
    third: anyPage(random, world),
    limit: random.chance(30) ? 1 + random.below(3) : 0,
  }),
  run(tenant, { first, second, third, limit }, world) {
    const { groups } = type1Of(tenant).side;
    const numbers = [...groups.keys()];
    // Emulated devices keep the container, wherever something is mapped.
    for (const group of numbers)
      if (!groups[group]!.translated && !groups[group]!.joined) join!.run(tenant, { group }, world, false);
    for (const group of numbers)
      if (groups[group]!.translated && groups[group]!.joined) leave!.run(tenant, { group }, world, false);
    for (const iova of [first!, second!, third!]) map.run(tenant, { ...PLAIN, page: iova % APART, iova }, world, false);
    if (limit) LIMIT.run(tenant, { pages: limit, helper: 0 }, world, false);
    let result = 0;
    for (const group of numbers)
      if (!groups[group]!.joined) result = Number(join!.run(tenant, { group }, world, false));
    return result;
  },
};

export const TYPE1_REJOIN: readonly Operation[] = [rejoin];
