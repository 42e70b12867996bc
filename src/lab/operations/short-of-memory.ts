/** Migration calls in the middle of which the kernel runs out of something: they fail, keep nothing, and can be made again. */
import { Random } from '../random.ts';
import { LOGGING } from './logging.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import type { Operation } from './operation.ts';
import { STREAM } from './stream.ts';

/** What fails: an allocation, or the making of a file. */
const KINDS = ['allocation', 'file'] as const;
/** Points of failure that a call passes at most; most pass few. */
const MOST = 14;
const NAMES = new Set(['set_state', 'write', 'log_start']);
const TARGETS = [...MIGRATION_OPERATIONS, ...STREAM, ...LOGGING].filter(({ name }) => NAMES.has(name));
const SET_STATE = TARGETS.findIndex(({ name }) => name === 'set_state');
const WRITE = TARGETS.findIndex(({ name }) => name === 'write');

const shortOfMemory: Operation = {
  name: 'short_of_memory',
  needs: 'migration',
  args: ['kind', 'point', 'target', 'salt'],
  weights: [0, 4, 5, 3, 8, 3, 4, 3],
  generate(random, tenant, world) {
    // Only tenant A has trouble, so that a twin without A has none.
    if (tenant !== world.a || tenant.pending > 0) return undefined;
    const target = tenant.file('resume') !== undefined && random.chance(60) ? WRITE : SET_STATE;
    return {
      kind: random.chance(85) ? 0 : 1,
      point: 1 + random.below(random.chance(60) ? 5 : MOST),
      target: random.chance(85) ? target : random.below(TARGETS.length),
      salt: random.bits(),
    };
  },
  run(tenant, { kind, point, target, salt }, world) {
    const { faults } = world.machine.kernel;
    const operation = TARGETS[target! % TARGETS.length]!;
    if (operation.name === 'log_start' && !world.profile.logging) return 0;
    const args = operation.generate(new Random(salt!), tenant, world);
    if (args === undefined) return 0;
    world.callFails();
    faults.arm(KINDS[kind! % KINDS.length]!, Math.max(1, point!));
    const result = world.finish(tenant, operation.run(tenant, args, world, false));
    faults.disarm();
    return result;
  },
};

export const SHORT_OF_MEMORY: readonly Operation[] = [shortOfMemory];
