/** Saves, loads and saves again, the way a VMM does: what comes back must be the device that was saved. */
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, MIG_STATE, VFIO } from '../../uapi/vfio.ts';
import { FLAGS_SENT } from '../properties/fsm-legality.ts';
import type { Random } from '../random.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { chunkSize } from './faulty-stream.ts';
import type { Operation } from './operation.ts';
import { chunkAt, feed } from './stream.ts';

/** Calls after which a stream that has not ended never does. */
const MOST_READS = 4096;

/** An address at which there is no memory. */
const NOWHERE = 0x10;

/** What becomes of the device between saving and loading: nothing, it is made another, it is closed and opened. */
const BETWEEN = { NOTHING: 0, DISTURBED: 1, OPENED: 2 } as const;

const roundTrip: Operation = {
  name: 'round_trip',
  needs: 'migration',
  args: ['out', 'into', 'between', 'begin', 'grow'],
  weights: [0, 1, 1, 0, 0, 1, 0, 0],
  generate: (random, tenant, world) => (tenant.pending > 0 ? undefined : choose(random, world)),
  run(tenant, { out, into, between, begin, grow }, world) {
    const begun = beginWith(tenant, world, begin!);
    if (begun < 0) return begun;
    const saved = save(tenant, world, out!, begin!, grow === 1);
    if (typeof saved === 'number') return saved;
    const { stream, digest, memory } = saved;
    const ready = separate(tenant, world, between!);
    if (ready < 0) return ready;
    const resumed = move(tenant, world, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume')!;
    const loaded = feed(tenant, file, stream, into!, world);
    world.checks.roundTrip.ownStream(loaded);
    if (loaded < 0) return loaded;
    const stopped = move(tenant, world, MIG_STATE.STOP);
    if (stopped < 0) return stopped;
    if (memory !== undefined) tenant.process.memory.write(tenant.buffer, memory);
    world.checks.roundTrip.loadedAgain(digest, world.inside.digest(tenant));
    tenant.posted.splice(0, tenant.posted.length, ...saved.posted);
    const again = saveAll(tenant, world, 65536);
    if (typeof again === 'number') return again;
    if (!isPreCopy(begin!)) world.checks.roundTrip.savedAgain(stream, again);
    tenant.keepStream(again);
    const runs = move(tenant, world, MIG_STATE.RUNNING);
    if (runs < 0) return runs;
    if (begin === BEGIN.UNTOUCHED) world.profile.prepare(tenant, world);
    world.settle();
    world.checks.liveness.idle(tenant);
    world.profile.afterLoad?.(tenant, world);
    return 0;
  },
};

/** How the device is before it is saved: as it is, with work on its way, as nobody has ever used it, in pre-copy; its
 * stream is read by who gives a bad address first; in pre-copy, by who asked to be told when to count anew. */
const BEGIN = { AS_IT_IS: 0, BUSY: 1, UNTOUCHED: 2, PRE_COPY: 3, FAULTING: 4, COUNTING_ANEW: 5 } as const;

const isPreCopy = (begin: number): boolean => begin === BEGIN.PRE_COPY || begin === BEGIN.COUNTING_ANEW;

function choose(random: Random, world: World): Readonly<Record<string, number>> {
  const [format] = world.variant.declaration.formats;
  return {
    out: chunkSize(random, format!),
    into: chunkSize(random, format!),
    between: random.below(3),
    begin: random.below(6),
    grow: random.below(2),
  };
}

function beginWith(tenant: Tenant, world: World, begin: number): number {
  if (begin === BEGIN.UNTOUCHED && world.profile.kind === 'function') {
    const result = tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_RESET, 0);
    if (result === 0) world.afterReset(tenant, false);
    return result;
  }
  if (begin === BEGIN.BUSY || isPreCopy(begin)) {
    const runs = move(tenant, world, MIG_STATE.RUNNING);
    if (runs < 0) return runs;
    world.profile.work?.(tenant);
    // As far as a job in each of two queues having been begun, and none done.
    for (let turn = 0; turn < 2; turn++) world.machine.kernel.scheduler.step();
  }
  return 0;
}

interface Saved {
  readonly stream: Uint8Array;
  /** Every bit of the device, and the memory of its tenant, when it had stopped. */
  readonly digest: Uint8Array;
  readonly memory: Uint8Array | undefined;
  readonly posted: readonly number[];
}

/** Stops the device and reads its stream. */
function save(tenant: Tenant, world: World, chunk: number, begin: number, grow: boolean): Saved | number {
  const supported = isPreCopy(begin) && (tenant.flags & 4) !== 0;
  const earlier = supported ? readPreCopy(tenant, world, chunk, begin === BEGIN.COUNTING_ANEW) : [];
  if (typeof earlier === 'number') return earlier;
  if (supported) world.profile.work?.(tenant);
  // What is saved at the end needs more than was reserved when it began.
  if (supported && grow) world.profile.grow?.(tenant);
  // A fresh session: a stream that PRE_COPY began is another (and longer) one.
  const stopped = move(tenant, world, supported ? MIG_STATE.STOP_COPY : MIG_STATE.STOP);
  if (stopped < 0) return stopped;
  const digest = world.inside.digest(tenant).slice();
  const memory = memoryOf(tenant, world);
  const told = supported ? 0 : tenant.device!.dataSize();
  const rest = supported ? readToEnd(tenant, world, chunk) : saveAll(tenant, world, chunk, begin === BEGIN.FAULTING);
  if (typeof rest === 'number') {
    world.checks.roundTrip.notSaved(rest);
    return rest;
  }
  if (!supported) world.checks.fsm.sized(told, rest.length);
  const back = move(tenant, world, MIG_STATE.STOP);
  if (back < 0) return back;
  world.settle();
  world.checks.roundTrip.heldStill(digest, world.inside.digest(tenant), memory, memoryOf(tenant, world));
  return { stream: Buffer.concat([...earlier, rest]), digest, memory, posted: [...tenant.posted] };
}

const memoryOf = (tenant: Tenant, { profile }: World): Uint8Array | undefined =>
  profile.memoryPages === undefined
    ? undefined
    : tenant.process.memory.copyIn(tenant.buffer, profile.memoryPages * 4096);

/** What pre-copy gives, before and after the device has worked. */
function readPreCopy(tenant: Tenant, world: World, chunk: number, anew: boolean): Uint8Array[] | number {
  if (anew && tenant.device!.feature(FEATURE.MIG_PRECOPY_INFOv2 | FEATURE_FLAG.SET, 0) === 0) tenant.optedIn = true;
  const begun = move(tenant, world, MIG_STATE.PRE_COPY);
  if (begun < 0) return begun;
  const file = tenant.file('save');
  if (file === undefined) return -ERRNO.EBADF;
  const first = readForNow(tenant, file, chunk);
  if (typeof first === 'number') return first;
  world.profile.setUp?.(tenant);
  world.profile.work?.(tenant);
  world.settle();
  // The first answer has what changed saved; the second counts it.
  const one = tenant.device!.precopyInfo(file.fd, FLAGS_SENT);
  world.checks.fsm.promised(tenant, file, one.result, one.flags);
  world.settle();
  world.profile.setUp?.(tenant);
  const { result, flags, initial, dirty } = tenant.device!.precopyInfo(file.fd, FLAGS_SENT);
  world.checks.fsm.promised(tenant, file, result, flags);
  const more = readForNow(tenant, file, chunk);
  if (typeof more === 'number') return more;
  if (result === 0) world.checks.fsm.couldRead(initial + dirty, Buffer.concat(more).length, initial);
  return [...first, ...more];
}

/** What there is, up to the first time that there is nothing more. */
function readForNow(tenant: Tenant, file: DataFile, chunk: number): Uint8Array[] | number {
  const parts: Uint8Array[] = [];
  const { scratch } = tenant;
  for (let call = 0; call < MOST_READS; call++) {
    const length = Math.min(chunkAt(call, chunk, 10 * scratch.size), scratch.size);
    const result = tenant.process.read(file.fd, scratch.room(length), length);
    if (result === 0 || result === -ERRNO.ENOMSG) return parts;
    if (result < 0) return result;
    parts.push(tenant.process.memory.copyIn(scratch.address, result)!);
  }
  return -ERRNO.EIO;
}

/** Takes the device to where the stream is to be loaded. */
function separate(tenant: Tenant, world: World, between: number): number {
  if (between === BETWEEN.DISTURBED) {
    const runs = move(tenant, world, MIG_STATE.RUNNING);
    return runs < 0 ? runs : world.profile.disturb(tenant, world);
  }
  if (between !== BETWEEN.OPENED || world.profile.keepsState) return 0;
  const closed = world.closeDevice(tenant);
  const opened = closed < 0 ? closed : world.openDevice(tenant);
  if (opened >= 0) world.profile.prepare(tenant, world);
  return opened;
}

/** set_state with its checks; 0 or the errno. */
export function move(tenant: Tenant, world: World, state: number): number {
  const from = tenant.state;
  const answer = tenant.device!.setState(state);
  world.checks.fsm.requested(tenant, from, state, answer.result, answer.dataFd);
  return answer.result;
}

/** The whole stream of a stopped device, in a session of its own; the device is stopped again. */
function saveAll(tenant: Tenant, world: World, chunk: number, faulting = false): Uint8Array | number {
  const stopped = move(tenant, world, MIG_STATE.STOP);
  if (stopped < 0) return stopped;
  const saved = move(tenant, world, MIG_STATE.STOP_COPY);
  if (saved < 0) return saved;
  const stream = readToEnd(tenant, world, chunk, faulting);
  const back = typeof stream === 'number' ? stream : move(tenant, world, MIG_STATE.STOP);
  return back < 0 ? back : stream;
}

/** `faulting`: the first two reads go nowhere, and are made again. */
function readToEnd(tenant: Tenant, world: World, chunk: number, faulting = false): Uint8Array | number {
  const file = tenant.file('save');
  if (file === undefined) return -ERRNO.EBADF;
  const parts: Uint8Array[] = [];
  const { scratch } = tenant;
  for (let call = 0; call < MOST_READS; call++) {
    const length = Math.min(chunkAt(call, chunk, 10 * scratch.size), scratch.size);
    if (faulting && call < 2) tenant.process.read(file.fd, NOWHERE, length);
    const result = tenant.process.read(file.fd, scratch.room(length), length);
    if (result < 0) return result;
    if (result === 0) return Buffer.concat(parts);
    parts.push(tenant.process.memory.copyIn(scratch.address, result)!);
  }
  world.checks.roundTrip.neverEnds();
  return -ERRNO.EIO;
}

export const ROUND_TRIP: readonly Operation[] = [roundTrip];
