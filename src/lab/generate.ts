/** Where steps come from: chosen from the state that was reached, or taken from a stored scenario. */
import { applies, type Offering } from './offers.ts';
import { OPERATIONS } from './operations/index.ts';
import type { Operation } from './operations/operation.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import { Random } from './random.ts';
import { type Scenario, type Step, TURNS } from './scenario.ts';
import { anyOrder } from './schedule.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** Supplies the steps of a run, and the turns that calls under way get after each. */
export interface Choices {
  next(world: World, index: number): Step | undefined;
  /** A number of the schedule, see {@link Scenario.schedule}. */
  turns(index: number, world: World): number;
}

/** The operations that make sense for a subject, and their weights for each place a tenant can be in. */
interface Menu {
  readonly operations: readonly Operation[];
  readonly tables: readonly { readonly weights: readonly number[]; readonly total: number }[];
  /** Calls that sleep, and so meet one that is under way. */
  readonly sleeping: readonly Operation[];
}

const menus = new WeakMap<DeviceProfile, Menu>();

function menuOf(world: World): Menu {
  let menu = menus.get(world.profile);
  if (menu === undefined) menus.set(world.profile, (menu = makeMenu(world)));
  return menu;
}

function makeMenu(subject: Offering): Menu {
  const operations = OPERATIONS.filter((operation) => applies(subject, operation));
  const tables = Array.from({ length: 8 }, (_, phase) => {
    const weights = operations.map((operation) => operation.weights[phase]!);
    return { weights, total: weights.reduce((a, b) => a + b, 0) };
  });
  return { operations, tables, sleeping: operations.filter(({ spawnable }) => spawnable) };
}

/** Share of steps in percent: tenant A, tenant B; the rest is the administrator's. */
const SHARE_A = 78;
const SHARE_B = 18;
/** System calls of a case: this many, and at most twice as many. A step that is a sequence of calls counts as these. */
export const CASE_CALLS = 20;

/** Generation by execution; a case has `calls` system calls, and at most twice as many. */
export function generating(seed: number, calls = CASE_CALLS): Choices {
  const random = new Random(seed);
  const length = calls + random.below(calls + 1);
  let spawns = false;
  return {
    next(world) {
      const step = world.spent < length ? choose(random, world) : undefined;
      spawns = step?.spawn === true;
      return step;
    },
    turns: (_index, world) =>
      random.below(5) + ((spawns || world.a.pending > 0) && random.chance(60) ? TURNS * anyOrder(random) : 0),
  };
}

/** Replays a scenario step by step. */
export function replaying(scenario: Scenario): Choices {
  return { next: (_world, index) => scenario.steps[index], turns: (index) => scenario.schedule[index] ?? 0 };
}

/** Rarely the administrator does more than look, and then soon takes it back. */
function whatToLookAt(random: Random, world: World): number {
  if (world.profile.outage === undefined) return random.below(4);
  if (world.outOfService) return random.chance(60) ? 5 : random.below(4);
  // A call that is under way then has to do with it.
  return random.chance(world.a.pending > 0 ? 25 : 8) ? 4 : random.below(4);
}

/** Percent of the calls of tenant A that are left under way: those that wait for something, more often. */
const LEFT_UNDER_WAY: Readonly<Record<string, number>> = {
  read: 40,
  write: 25,
  log_start: 30,
  log_stop: 30,
  reset: 25,
  hot_reset: 25,
};
/** Percent of the steps beside a call under way that are calls which sleep, too. */
const MEETING = 50;

function choose(random: Random, world: World): Step {
  const who = random.below(100);
  if (who >= SHARE_A + SHARE_B) return { by: 'H', op: 'look', args: { what: whatToLookAt(random, world) } };
  const tenant = who < SHARE_A ? world.a : world.b;
  const menu = menuOf(world);
  for (;;) {
    const operation =
      tenant.pending > 0 && random.chance(MEETING) ? random.pick(menu.sleeping) : pick(random, menu, tenant);
    const args = operation.generate(random, tenant, world);
    if (args === undefined) continue;
    const spawn =
      operation.spawnable === true &&
      tenant === world.a &&
      tenant.pending === 0 &&
      random.chance(LEFT_UNDER_WAY[operation.name] ?? 10);
    return spawn ? { by: tenant.name, op: operation.name, args, spawn } : { by: tenant.name, op: operation.name, args };
  }
}

function pick(random: Random, { operations, tables }: Menu, tenant: Tenant): Operation {
  const phase = tenant.device === undefined ? 0 : (tenant.state ?? 2);
  const { weights, total } = tables[phase]!;
  return operations[random.weighted(weights, total)]!;
}
