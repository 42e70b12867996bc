/** A stream that is loaded in one go, and the device used right after: what was loaded has its effect there. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { Operation } from './operation.ts';
import { move, streamArgs, writeStream } from './stream.ts';

const ROBUST = 'stream robustness';

const load: Operation = {
  name: 'load',
  needs: 'afterLoad',
  args: ['mutate', 'salt', 'chunk'],
  weights: [0, 4, 3, 0, 0, 2, 0, 0],
  generate: (random, tenant) => (tenant.pending > 0 ? undefined : streamArgs(random)),
  run(tenant, args, world, step) {
    const resumed = move(tenant, world, step, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume');
    if (file === undefined) return -ERRNO.EBADF;
    const written = writeStream(tenant, file, args, world, step);
    const runs = move(tenant, world, step, MIG_STATE.RUNNING);
    const { streamBytes = 0 } = world.profile;
    if (written >= 0 && written < streamBytes && runs >= 0)
      world.violate(ROBUST, `${written} bytes of a stream of ${streamBytes} are loaded`, step);
    if (runs < 0 && !args['mutate'] && !world.raced && !world.profile.unreachable?.has(-Math.min(written, runs)))
      world.violate(ROBUST, `a valid stream is not loaded (${errnoName(runs)})`, step);
    if (runs < 0) return runs;
    world.profile.afterLoad?.(tenant, world);
    return written;
  },
};

export const LOAD: readonly Operation[] = [load];
