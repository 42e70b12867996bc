/** A stream that is loaded in one go, and the device used right after: what was loaded has its effect there. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { Operation } from './operation.ts';
import { move, streamArgs, writeStream } from './stream.ts';

const load: Operation = {
  name: 'load',
  needs: 'afterLoad',
  args: ['mutate', 'salt', 'chunk'],
  weights: [0, 4, 3, 0, 0, 2, 0, 0],
  generate: (random, tenant) => (tenant.pending > 0 ? undefined : streamArgs(random)),
  run(tenant, args, world) {
    const resumed = move(tenant, world, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume');
    if (file === undefined) return -ERRNO.EBADF;
    // In RESUMING already, and something was written: what is loaded then is not this stream.
    const fresh = file.bytes.length === 0;
    const written = writeStream(tenant, file, args, world);
    const runs = move(tenant, world, MIG_STATE.RUNNING);
    if (fresh) world.checks.streams.loaded(tenant, written, runs, args['mutate'] !== 0);
    if (runs < 0) return runs;
    world.profile.afterLoad?.(tenant, world);
    return written;
  },
};

export const LOAD: readonly Operation[] = [load];
