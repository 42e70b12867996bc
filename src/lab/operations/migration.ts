/** Migration through the door: states, data files, streams; and what the uAPI says must come of each. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import { device_feature_mig_state, FEATURE, FEATURE_FLAG, MIG_STATE } from '../../uapi/vfio.ts';
import { endsSession, opensSession, referencePath, STATE_NAMES } from '../reference/arcs.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, type Operation, whileOpen } from './operation.ts';

const FSM = 'FSM legality';

/** Follows a completed or failed request in the tenant's model and holds it against the reference. */
export function follow(
  tenant: Tenant,
  world: World,
  step: number,
  from: number | undefined,
  target: number,
  result: number,
  dataFd: number,
): void {
  if (from === undefined) return;
  const path = referencePath(tenant.flags, from, target);
  const now = tenant.device!.getState();
  const say = (text: string): void =>
    world.violate(FSM, `${STATE_NAMES[from]} to ${STATE_NAMES[target] ?? target}: ${text}`, step);
  if (now.result !== 0) return say(`the state cannot be read (${errnoName(now.result)})`);
  const state = now.state;
  if (typeof path === 'number') {
    if (result !== path) say(`answers ${result < 0 ? errnoName(result) : result}, must be ${errnoName(path)}`);
    if (state !== from) say(`a refused request leaves ${STATE_NAMES[state]}`);
    return;
  }
  const visited = [from, ...path];
  const reached = visited.lastIndexOf(state);
  if (reached < 0) say(`leaves ${STATE_NAMES[state] ?? state}, which is not on the way`);
  if (result === 0 && state !== target) say(`succeeds in ${STATE_NAMES[state]}`);
  for (let i = 1; i <= reached; i++) {
    const [a, b] = [visited[i - 1]!, visited[i]!];
    world.arc(a, b);
    if (endsSession(a, b)) tenant.endSessions();
  }
  const opens = path.length > 0 && opensSession(visited.at(-2)!, target);
  // Without its session a kept state may begin one on an arc that is to go on with it.
  if (result === 0 && dataFd >= 0 !== opens && !tenant.orphaned)
    say(opens ? 'hands out no data file' : 'hands out a data file');
  if (result !== 0 && dataFd !== -1) say(`fails with data_fd ${dataFd}`);
  if (result === 0 && dataFd >= 0) {
    const direction = target === MIG_STATE.RESUMING ? 'resume' : 'save';
    tenant.files.push({
      fd: dataFd,
      direction,
      alive: true,
      open: true,
      bytes: [],
      reported: undefined,
      ended: false,
      certain: true,
      whole: true,
    });
  }
  tenant.state = state;
  if (dataFd >= 0 || SESSIONLESS.has(state)) tenant.orphaned = false;
  const held = world.monitor.inside.sessions(tenant);
  if (held > 0 && SESSIONLESS.has(state) && !world.failed && !world.raced)
    world.violate('parent-interaction scope', `the parent still tracks for a session in ${STATE_NAMES[state]}`, step);
}

/** States in which no saving session runs. */
const SESSIONLESS = new Set<number>([MIG_STATE.RUNNING, MIG_STATE.RUNNING_P2P, MIG_STATE.STOP]);

const setState: Operation = {
  name: 'set_state',
  args: ['state'],
  weights: whileOpen(14),
  spawnable: true,
  generate(random, tenant) {
    if (random.chance(8)) return { state: random.pick([0, 8, 9, 0x7fff_ffff, 0xffff_ffff]) };
    if (tenant.state === undefined || random.chance(25)) return { state: 1 + random.below(7) };
    return { state: random.pick(LIKELY[tenant.state]!) };
  },
  run(tenant, { state }, world, step, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    const from = spawned || tenant.pending > 0 ? undefined : tenant.state;
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
      follow(tenant, world, step, from, state!, result, answer.dataFd);
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
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world, step) {
    const answer = tenant.device!.getState();
    if (tenant.state !== undefined && tenant.pending === 0 && (answer.result !== 0 || answer.state !== tenant.state))
      world.violate(FSM, `the device is in ${STATE_NAMES[answer.state]}, not ${STATE_NAMES[tenant.state]}`, step);
    if (answer.dataFd !== -1 && answer.result === 0) world.violate(FSM, 'GET answers a data_fd', step);
    world.observe(tenant, answer.state);
    return answer.result;
  },
};

const dataSize: Operation = {
  name: 'data_size',
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run: (tenant) => tenant.device!.dataSize(),
};

const precopyInfo: Operation = {
  name: 'precopy_info',
  args: [],
  weights: [0, 1, 1, 2, 1, 1, 24, 10],
  generate: (_random, tenant) => (tenant.file('save') ? {} : undefined),
  run(tenant, _args, world, step) {
    const file = tenant.file('save') ?? tenant.file('save', false);
    if (file === undefined) return -ERRNO.EBADF;
    // Work under way would change what there is to save after the answer.
    if (tenant.pending === 0) world.settle();
    const answer = tenant.device!.precopyInfo(file.fd);
    const inPrecopy = tenant.state === S.PRE_COPY || tenant.state === S.PRE_COPY_P2P;
    const known = tenant.state !== undefined && tenant.pending === 0 && file.certain;
    if (known && answer.result === 0 && (!inPrecopy || !file.alive))
      world.violate(FSM, `PRECOPY_INFO succeeds in ${STATE_NAMES[tenant.state!]}`, step);
    if (answer.result === 0) {
      world.observe(tenant, answer.initial);
      world.observe(tenant, answer.dirty);
      // Only in PRE_COPY does the driver wait for a save under way before it answers.
      if (tenant.state === S.PRE_COPY) file.reported = answer.initial + answer.dirty;
    }
    return answer.result;
  },
};

const read: Operation = {
  name: 'read',
  args: ['length', 'dead'],
  weights: [1, 1, 1, 16, 1, 1, 24, 12],
  spawnable: true,
  generate(random, tenant) {
    if (!tenant.files.some((file) => file.open && file.direction === 'save')) return undefined;
    return { length: random.chance(70) ? 65536 : 1 + random.below(64), dead: random.chance(10) ? 1 : 0 };
  },
  run(tenant, { length, dead }, world, step, spawned) {
    const file = tenant.file('save', dead === 0) ?? tenant.file('save', dead !== 0);
    if (file === undefined) return -ERRNO.EBADF;
    const scratch = spawned ? tenant.spare : tenant.client.scratch;
    const calm = !spawned && tenant.pending === 0;
    const call = tenant.process.readCall(file.fd, scratch.address, length!, undefined);
    return after(call, (result) => {
      if (result > 0) {
        const bytes = tenant.process.memory.copyIn(scratch.address, result)!;
        world.observe(tenant, bytes);
        file.bytes.push(bytes);
      }
      if (calm) judgeRead(tenant, file, result, length!, world, step);
      else file.whole = false;
      return result;
    });
  },
};

function judgeRead(tenant: Tenant, file: DataFile, result: number, length: number, world: World, step: number): void {
  if (!file.alive && file.certain && result !== -ERRNO.ENODEV)
    return world.violate(FSM, `reading a data file after its session answers ${result}`, step);
  if (file.reported !== undefined && result > 0) {
    file.reported -= result;
    if (file.reported < 0 && tenant.state !== S.STOP_COPY)
      world.violate(FSM, `${-file.reported} bytes more than PRECOPY_INFO reported can be read`, step);
  }
  if (result === 0 && length > 0 && tenant.state === S.STOP_COPY && file.alive && !file.ended) {
    file.ended = true;
    if (file.whole) tenant.stream = Buffer.concat(file.bytes);
  }
  // Streams are kept small: what has been seen of a file that never ends is not worth memory.
  if (file.bytes.length > 64) {
    file.bytes.length = 0;
    file.whole = false;
  }
}

const closeFile: Operation = {
  name: 'close_file',
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

/** Hardware trouble: the next save fails. Only tenant A has it, so that a twin without A has none. */
const failSave: Operation = {
  name: 'fail_save',
  needs: 'failures',
  args: ['status'],
  weights: [0, 2, 3, 0, 0, 2, 1, 1],
  generate: (random, tenant, world) =>
    tenant === world.a ? { status: random.pick(world.profile.failures!.statuses) } : undefined,
  run(_tenant, { status }, world) {
    if (world.profile.failures?.statuses.includes(status!)) world.failure = status!;
    return 0;
  },
};

export const MIGRATION_OPERATIONS: readonly Operation[] = [
  setState,
  getState,
  dataSize,
  precopyInfo,
  read,
  closeFile,
  failSave,
];
