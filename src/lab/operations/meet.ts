/** Two calls beside each other, both of which may have to wait, in an order of their own. */
import { applies } from '../offers.ts';
import { Random } from '../random.ts';
import { anyOrder, ordered, unordered } from '../schedule.ts';
import type { Tenant } from '../tenant.ts';
import { leaveUnderWay } from '../under-way.ts';
import type { World } from '../world.ts';
import { LOGGING } from './logging.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import type { Args, Operation } from './operation.ts';
import { STREAM } from './stream.ts';

/** What changes nothing meets others by being left under way. */
const OTHERWISE = new Set(['get_state']);
const CALLS = [...MIGRATION_OPERATIONS, ...STREAM, ...LOGGING].filter(
  ({ name, spawnable }) => spawnable && !OTHERWISE.has(name),
);
const LOG_START = LOGGING.find(({ name }) => name === 'log_start')!;
/** A range that any device can track. */
const SOME_PAGES: Args = { iova: 0, pages: 16, pageSize: 4096, ranges: 1, gap: 0 };
/** Percent of the pairs in which logging is on before calls that are about it. */
const ALREADY_ON = 75;

const callsOf = (world: World): readonly Operation[] => CALLS.filter((operation) => applies(world, operation));

const meet: Operation = {
  name: 'meet',
  needs: 'migration',
  args: ['first', 'second', 'order', 'salt'],
  weights: [0, 5, 6, 4, 4, 4, 22, 10],
  generate(random, tenant, world) {
    if (tenant !== world.a || tenant.pending > 0) return undefined;
    const calls = callsOf(world);
    const now = calls.filter((call) => call.generate(random, tenant, world) !== undefined);
    const one = random.pick(now);
    // What is about the same thing meets more often.
    const alike = random.chance(60) ? now.filter(({ needs }) => needs === one.needs) : now;
    return {
      first: calls.indexOf(one),
      second: calls.indexOf(random.pick(alike)),
      order: anyOrder(random),
      salt: random.bits(),
    };
  },
  run(tenant, { first, second, order, salt }, world) {
    const calls = callsOf(world);
    const random = new Random(salt!);
    const [one, two] = [first!, second!].map((number) => calls[number % calls.length]!);
    if ((isLog(one!) || isLog(two!)) && tenant.logging === undefined && random.chance(ALREADY_ON))
      world.finish(tenant, LOG_START.run(tenant, SOME_PAGES, world, false));
    const { scheduler } = world.machine.kernel;
    ordered(scheduler, order!);
    begin(one!, random, tenant, world);
    const args = two!.generate(random, tenant, world);
    const result = args === undefined ? 0 : world.finish(tenant, two!.run(tenant, args, world, false));
    world.settle();
    unordered(scheduler);
    return result;
  },
};

const isLog = ({ needs }: Operation): boolean => needs === 'logging';

function begin(operation: Operation, random: Random, tenant: Tenant, world: World): void {
  const args = operation.generate(random, tenant, world);
  if (args === undefined) return;
  const call = operation.run(tenant, args, world, true);
  if (typeof call !== 'number') leaveUnderWay(world, tenant, operation.name, call);
}

export const MEET: readonly Operation[] = [meet];
