/** A stream that is loaded in one go, and the device used right after: what was loaded has its effect there. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { isFaulty, STREAM_ARGS, streamArgs, streamOf } from './faulty-stream.ts';
import type { Operation } from './operation.ts';
import { move } from './round-trip.ts';
import { writeStream } from './stream.ts';

const load: Operation = {
  name: 'load',
  needs: 'migration',
  args: STREAM_ARGS,
  weights: [0, 2, 2, 0, 0, 1, 0, 0],
  generate: (random, tenant, world) => (tenant.pending > 0 ? undefined : streamArgs(random, world)),
  run(tenant, args, world) {
    const resumed = move(tenant, world, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume');
    if (file === undefined) return -ERRNO.EBADF;
    const before = world.inside.digest(tenant).slice();
    // RESUMING that could not be left has a stream already.
    const fresh = file.bytes.length === 0 && file.alive && file.certain;
    const mutated = isFaulty(args) || !fresh;
    const written = writeStream(tenant, file, args, world);
    const runs = move(tenant, world, MIG_STATE.RUNNING);
    world.checks.streams.loaded(tenant, { written, runs, fresh, mutated, before });
    if (runs < 0) return runs;
    if (fresh && mutated && written >= 0) world.checks.streams.runsWith(streamOf(tenant, args, world));
    world.checks.streams.became(tenant);
    world.profile.afterLoad?.(tenant, world);
    world.checks.liveness.idle(tenant);
    return written;
  },
};

export const LOAD: readonly Operation[] = [load];
