/** Trouble that is nobody's doing: a command of the parent's firmware fails. Only tenant A has it, so that a twin without A has none. */
import type { Operation } from './operation.ts';

/** Commands of one call, roughly: a later one may belong to the next. */
const NTH = 6;

const fail: Operation = {
  name: 'fail',
  needs: 'failures',
  args: ['command', 'nth', 'status'],
  weights: [1, 2, 3, 1, 2, 2, 2, 2],
  generate(random, tenant, world) {
    if (tenant !== world.a) return undefined;
    const { commands, statuses } = world.profile.failures!;
    const one = random.chance(60) ? random.pick([...commands.values()]) : 0;
    return {
      command: one,
      nth: one === 0 ? 1 + random.below(NTH) : 1 + random.below(2),
      status: random.pick(statuses),
    };
  },
  run(_tenant, { command, nth, status }, world) {
    world.failCommand(command!, nth!, status! & 0xff || 1);
    return 0;
  },
};

export const FAILURE: readonly Operation[] = [fail];
