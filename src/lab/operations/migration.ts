/** Migration through the door: states, data files, streams; and what the uAPI says must come of each. */
import { ERRNO } from '../../uapi/errno.ts';
import { device_feature_mig_state, FEATURE, FEATURE_FLAG, MIG_STATE } from '../../uapi/vfio.ts';
import { FLAGS_SENT } from '../properties/fsm-legality.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, type Operation, whileOpen } from './operation.ts';

const setState: Operation = {
  name: 'set_state',
  needs: 'migration',
  args: ['state'],
  weights: whileOpen(14),
  spawnable: true,
  generate(random, tenant) {
    if (random.chance(8)) return { state: random.pick([0, 8, 9, 0x7fff_ffff, 0xffff_ffff]) };
    if (tenant.state === undefined || random.chance(25)) return { state: 1 + random.below(7) };
    return { state: random.pick(LIKELY[tenant.state]!) };
  },
  run(tenant, { state }, world, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    const from = spawned || tenant.pending > 0 ? undefined : tenant.state;
    if (from !== undefined) world.checks.fsm.asked = { tenant, from, target: state! };
    const call = device.featureCall(
      FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.SET,
      device_feature_mig_state.size,
      (view, at) => view.setUint32(at, state!, true),
    );
    return after(call, (result) => {
      const answer = device.stateAnswer(result);
      world.observe(tenant, answer.dataFd >= 0 ? 1 : answer.dataFd);
      if (from === undefined) {
        tenant.state = undefined;
        if (result === 0 && answer.dataFd >= 0) tenant.process.close(answer.dataFd);
      }
      world.checks.fsm.requested(tenant, from, state!, result, answer.dataFd);
      return result;
    });
  },
};

const S = MIG_STATE;
/** Where a VMM goes from each state. */
const LIKELY: readonly (readonly number[])[] = [
  [S.RUNNING],
  [S.STOP_COPY, S.RESUMING, S.RUNNING, S.RUNNING_P2P],
  [S.PRE_COPY, S.STOP_COPY, S.RESUMING, S.STOP, S.RUNNING_P2P],
  [S.STOP, S.RUNNING],
  [S.STOP, S.RUNNING],
  [S.PRE_COPY_P2P, S.STOP, S.RUNNING],
  [S.STOP_COPY, S.RUNNING, S.PRE_COPY_P2P, S.STOP_COPY],
  [S.STOP_COPY, S.RUNNING_P2P, S.PRE_COPY],
];

const getState: Operation = {
  name: 'get_state',
  needs: 'migration',
  args: [],
  weights: whileOpen(2),
  spawnable: true,
  generate: () => ({}),
  run(tenant, _args, world, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    const call = device.featureCall(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.GET, device_feature_mig_state.size);
    return after(call, (result) => {
      const { state, dataFd } = device.stateAnswer(result);
      world.checks.fsm.told(tenant, result, state, dataFd);
      world.observe(tenant, state);
      return result;
    });
  },
};

const dataSize: Operation = {
  name: 'data_size',
  needs: 'migration',
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run: (tenant) => tenant.device!.dataSize(),
};

const precopyInfo: Operation = {
  name: 'precopy_info',
  needs: 'migration',
  args: [],
  weights: [0, 1, 1, 2, 1, 1, 24, 10],
  spawnable: true,
  generate: (_random, tenant) => (tenant.file('save') ? {} : undefined),
  run(tenant, _args, world, spawned) {
    const file = tenant.file('save') ?? tenant.file('save', false);
    if (file === undefined) return -ERRNO.EBADF;
    const alone = !spawned && tenant.pending === 0;
    // Work under way would change what there is to save after the answer.
    if (alone) world.settle();
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    return after(device.precopyInfoCall(file.fd, FLAGS_SENT), (result) => {
      const { flags, initial, dirty } = device.precopyAnswer(result);
      if (!spawned) world.checks.fsm.promised(tenant, file, result, flags);
      if (result < 0) return result;
      world.observe(tenant, initial);
      world.observe(tenant, dirty);
      // Only in PRE_COPY does the driver wait for a save under way before it answers.
      if (alone && tenant.state === S.PRE_COPY) file.reported = initial + dirty;
      return result;
    });
  },
};

const read: Operation = {
  name: 'read',
  needs: 'migration',
  args: ['length', 'dead'],
  weights: [1, 1, 1, 16, 1, 1, 24, 12],
  spawnable: true,
  generate(random, tenant) {
    if (!tenant.files.some((file) => file.open && file.direction === 'save')) return undefined;
    return { length: random.chance(70) ? 65536 : 1 + random.below(64), dead: random.chance(10) ? 1 : 0 };
  },
  run(tenant, { length, dead }, world, spawned) {
    const file = tenant.file('save', dead === 0) ?? tenant.file('save', dead !== 0);
    if (file === undefined) return -ERRNO.EBADF;
    const scratch = spawned ? tenant.spare : tenant.scratch;
    const calm = !spawned && tenant.pending === 0;
    const call = tenant.process.readCall(file.fd, scratch.room(length!), length!, undefined);
    return after(call, (result) => {
      if (result > 0) {
        const bytes = tenant.process.memory.copyIn(scratch.address, result)!;
        world.observe(tenant, bytes);
        file.bytes.push(bytes);
      }
      if (calm) follow(tenant, file, result, length!, world);
      else file.whole = false;
      return result;
    });
  },
};

function follow(tenant: Tenant, file: DataFile, result: number, length: number, world: World): void {
  world.checks.descriptors.read(file, result);
  world.checks.fsm.read(tenant, file, result, length);
  if (result === 0 && length > 0 && tenant.state === S.STOP_COPY && file.alive && !file.ended) {
    file.ended = true;
    if (file.whole) tenant.keepStream(Buffer.concat(file.bytes));
  }
  // Streams are kept small: what has been seen of a file that never ends is not worth memory.
  if (file.bytes.length > 64) {
    file.bytes.length = 0;
    file.whole = false;
  }
}

const closeFile: Operation = {
  name: 'close_file',
  needs: 'migration',
  args: [],
  weights: whileOpen(1),
  generate: (_random, tenant) => (tenant.files.some((file) => file.open) ? {} : undefined),
  run(tenant) {
    const file = tenant.files.findLast((f) => f.open);
    if (file === undefined) return -ERRNO.EBADF;
    file.open = false;
    return tenant.process.close(file.fd);
  },
};

export const MIGRATION_OPERATIONS: readonly Operation[] = [setState, getState, dataSize, precopyInfo, read, closeFile];
