/** Who waits for a save file by poll(): it must say what a read would find. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import type { Operation } from './operation.ts';

const read = MIGRATION_OPERATIONS.find(({ name }) => name === 'read')!;

const poll: Operation = {
  name: 'poll_file',
  needs: 'migration',
  args: ['length', 'dead', 'early'],
  weights: [1, 1, 1, 5, 1, 1, 5, 3],
  generate(random, tenant, world) {
    const args = tenant.pending > 0 ? undefined : read.generate(random, tenant, world);
    return args && { ...args, early: random.chance(55) ? 1 : 0 };
  },
  run(tenant, args, world) {
    const { dead, early } = args;
    const file = tenant.file('save', dead === 0) ?? tenant.file('save', dead !== 0);
    if (file === undefined || tenant.pending > 0) return -ERRNO.EBADF;
    // With nothing on its way, or with a save that has not ended: what is there now is what a read finds that does not wait.
    // What could run at once might bring more before the read comes to it.
    if (early === 1) world.machine.kernel.scheduler.drain();
    else world.settle();
    const bits = tenant.process.poll(file.fd);
    tenant.process.setNonblock(file.fd, true);
    const result = world.finish(
      tenant,
      read.run(tenant, { ...args, length: Math.max(1, args['length']!) }, world, false),
    );
    tenant.process.setNonblock(file.fd, false);
    world.checks.liveness.polled(bits, result);
    return result;
  },
};

export const POLL_FILE: readonly Operation[] = [poll];
