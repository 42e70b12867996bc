/** Trouble that is nobody's doing: a command of the parent's firmware fails. Only tenant A has it, so that a twin without A has none. */
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { Operation } from './operation.ts';

/** Commands of one call, roughly: a later one may belong to the next. */
const NTH = 6;

const fail: Operation = {
  name: 'fail',
  needs: 'failures',
  args: ['command', 'nth', 'status'],
  weights: [0, 3, 4, 1, 3, 3, 2, 2],
  generate(random, tenant, world) {
    if (tenant !== world.a) return undefined;
    const { commands, statuses, load, save } = world.profile.failures!;
    // What the next call is most about, half of the time.
    const likely = tenant.state === MIG_STATE.RESUMING ? load : save;
    const one = random.chance(50) ? likely : random.chance(50) ? random.pick([...commands.values()]) : 0;
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
