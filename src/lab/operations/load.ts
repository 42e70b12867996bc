/** A stream that is loaded in one go, and the device used right after: what was loaded has its effect there. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { Operation } from './operation.ts';
import { move, streamArgs, writeStream } from './stream.ts';

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
    if (runs < 0 && !args['mutate'] && !world.raced && !world.profile.unreachable?.has(-Math.min(written, runs)))
      world.violate('stream robustness', `a valid stream is not loaded (${errnoName(runs)})`, step);
    if (runs < 0) return runs;
    world.profile.afterLoad?.(tenant, world);
    return written;
  },
};

export const LOAD: readonly Operation[] = [load];
