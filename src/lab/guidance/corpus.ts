/**
 * Scenarios that met something new, and new ones made of them: the way to a rare state is gone once more, up to some
 * point and with a change or two, and from there on steps are chosen by the state reached, as ever.
 */
import { type Choices, generating } from '../generate.ts';
import { OPERATION_BY_NAME } from '../operations/index.ts';
import { Random } from '../random.ts';
import type { Scenario, Step } from '../scenario.ts';
import type { World } from '../world.ts';

/** Scenarios that are kept: when there are as many, new ones take the places of old ones. */
const MOST = 256;
/** Percent: of the steps that are gone once more, how many get other arguments, are left out, or come twice. */
const CHANGED = 8;

export class Corpus {
  private readonly kept: Scenario[] = [];
  private added = 0;

  get size(): number {
    return this.kept.length;
  }

  keep(scenario: Scenario): void {
    if (scenario.steps.length === 0) return;
    this.kept[this.added++ % MOST] = scenario;
  }

  /** One of them; the newest half of the time, because what they met is the least worked. */
  pick(random: Random): Scenario | undefined {
    const { kept, added } = this;
    if (kept.length === 0) return undefined;
    const recent = Math.min(kept.length, 16);
    return random.chance(50) ? kept[(added - 1 - random.below(recent) + MOST) % MOST] : random.pick(kept);
  }
}

/** Goes the first part of a scenario again, a little changed, and on from there. */
export function varying(seed: number, scenario: Scenario): Choices {
  const random = new Random(seed ^ 0x5eed);
  const onward = generating(seed);
  const again = changed(random, scenario.steps.slice(0, 1 + random.below(scenario.steps.length)));
  return {
    next: (world, index) => (index < again.length ? fresh(random, again[index]!, world) : onward.next(world, index)),
    turns: (index, world) =>
      index < again.length && !random.chance(25) ? (scenario.schedule[index] ?? 0) : onward.turns(index, world),
  };
}

/** Steps left out, doubled or changed; an odd one out keeps its place without arguments yet. */
function changed(random: Random, steps: readonly Step[]): (Step & { readonly anew?: boolean })[] {
  return steps.flatMap((step) => {
    if (!random.chance(CHANGED)) return [step];
    const way = random.below(4);
    if (way === 0) return [];
    if (way === 1) return [step, step];
    if (way === 2 && step.by !== 'H') return [{ ...step, by: step.by === 'A' ? ('B' as const) : ('A' as const) }];
    return [{ ...step, anew: true }];
  });
}

/** The step, with arguments chosen by the state reached if it is to have others. */
function fresh(random: Random, { anew, ...step }: Step & { readonly anew?: boolean }, world: World): Step {
  if (anew !== true || step.by === 'H') return step;
  const tenant = step.by === 'A' ? world.a : world.b;
  if (tenant.device === undefined) return step;
  const args = OPERATION_BY_NAME.get(step.op)!.generate(random, tenant, world);
  return args === undefined ? step : { ...step, args };
}
