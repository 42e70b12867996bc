/** Migration streams going in: valid ones, broken ones, and the round trip that must change nothing. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { Random } from '../random.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { follow } from './migration.ts';
import type { Args, Operation } from './operation.ts';

const ROBUST = 'stream robustness';

/** Calls that move this many bytes each; the rest of a stream goes in pieces of a tenth. */
const SMALL_CALLS = 40;
const chunkAt = (call: number, chunk: number, length: number): number =>
  call < SMALL_CALLS ? Math.max(1, chunk) : Math.max(chunk, Math.ceil(length / 10));

/** Writes `bytes` in chunks; the first error ends it. */
function feed(tenant: Tenant, file: DataFile, bytes: Uint8Array, chunk: number): number {
  const { scratch } = tenant.client;
  for (let at = 0, call = 0; at < bytes.length; call++) {
    const end = at + chunkAt(call, chunk, bytes.length);
    const part = bytes.subarray(at, Math.min(end, bytes.length, at + scratch.size));
    const result = tenant.process.write(file.fd, scratch.load(part), part.length);
    if (result < 0) return result;
    if (result === 0) return -ERRNO.EIO;
    at += result;
  }
  return bytes.length;
}

const write: Operation = {
  name: 'write',
  args: ['mutate', 'salt', 'chunk'],
  weights: [1, 1, 1, 1, 18, 1, 1, 1],
  generate(random, tenant) {
    const possible = tenant.files.some((file) => file.open && file.direction === 'resume');
    return possible ? streamArgs(random) : undefined;
  },
  run(tenant, args, world, step) {
    const file = tenant.file('resume') ?? tenant.file('resume', false);
    return file === undefined ? -ERRNO.EBADF : writeStream(tenant, file, args, world, step);
  },
};

/** Which stream goes in: `mutate` 0 or 1, by the choices of `salt`, in calls of `chunk` bytes. */
export const streamArgs = (random: Random): Args => ({
  mutate: random.chance(65) ? 1 : 0,
  salt: random.bits(),
  chunk: random.chance(50) ? 65536 : 1 + random.below(48),
});

/** Writes a valid stream or a changed one, and judges how it is taken. */
export function writeStream(tenant: Tenant, file: DataFile, args: Args, world: World, step: number): number {
  const { mutate, salt, chunk } = args;
  const valid = tenant.stream ?? world.profile.sample(world);
  const random = new Random(salt!);
  const bytes = mutate ? world.variant.declaration.formats[0]!.mutations(valid, (n: number) => random.below(n)) : valid;
  const alive = file.alive;
  const untouched = file.bytes.length === 0;
  const result = feed(tenant, file, bytes, chunk!);
  file.bytes.push(bytes.subarray(0, 0));
  if (tenant.pending > 0) return result;
  const { refusedFirst = ERRNO.ENODEV } = world.profile;
  if (!alive && file.certain && bytes.length > 0 && result !== -ERRNO.ENODEV && result !== -refusedFirst)
    world.violate(ROBUST, `writing a data file after its session answers ${result}`, step);
  if (world.profile.unreachable?.has(-result)) return result;
  // A state change that ran beside may have ended the session.
  const ended = result === -ERRNO.ENODEV && !file.certain;
  if (alive && result < 0 && !ended && !world.profile.streamErrnos.has(-result))
    world.violate(ROBUST, `a bad stream is refused with ${errnoName(result)}, which no safeguard declares`, step);
  // After an injected failure, or calls beside a reset, the firmware may still hold on to a save.
  const sound = !world.failed && !world.raced;
  if (alive && sound && file.certain && untouched && !mutate && result < 0)
    world.violate(ROBUST, `a valid stream is refused with ${errnoName(result)}`, step);
  return result;
}

/** Saves, loads into the same device, saves again: both streams must be the same bytes, whatever the chunks. */
const roundTrip: Operation = {
  name: 'round_trip',
  args: ['out', 'into'],
  weights: [0, 2, 1, 0, 0, 1, 0, 0],
  generate: (random, tenant) => (tenant.pending > 0 ? undefined : { out: chunkSize(random), into: chunkSize(random) }),
  run(tenant, { out, into }, world, step) {
    const first = saveAll(tenant, world, step, out!);
    if (typeof first === 'number') return first;
    const resumed = move(tenant, world, step, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume')!;
    const loaded = feed(tenant, file, first, into!);
    if (loaded < 0) {
      if (!world.failed && !world.raced && !world.profile.unreachable?.has(-loaded))
        world.violate('save-load round trip', `the device's own stream is refused with ${errnoName(loaded)}`, step);
      return loaded;
    }
    const second = saveAll(tenant, world, step, 65536);
    if (typeof second === 'number') return second;
    if (Buffer.compare(first, second) !== 0)
      world.violate('save-load round trip', `the state changed at byte ${differs(first, second)} of the stream`, step);
    tenant.stream = second;
    return move(tenant, world, step, MIG_STATE.STOP);
  },
};

const chunkSize = (random: Random): number => (random.chance(50) ? 65536 : 1 + random.below(200));

function differs(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** set_state with its checks; 0 or the errno. */
export function move(tenant: Tenant, world: World, step: number, state: number): number {
  const from = tenant.state;
  const answer = tenant.device!.setState(state);
  follow(tenant, world, step, from, state, answer.result, answer.dataFd);
  return answer.result;
}

/** The whole stream of a stopped device. */
function saveAll(tenant: Tenant, world: World, step: number, chunk: number): Uint8Array | number {
  // A fresh session: a stream that PRE_COPY began is another (and longer) one.
  const stopped = move(tenant, world, step, MIG_STATE.STOP);
  if (stopped < 0) return stopped;
  const saved = move(tenant, world, step, MIG_STATE.STOP_COPY);
  if (saved < 0) return saved;
  const file = tenant.file('save');
  if (file === undefined) return -ERRNO.EBADF;
  const parts: Uint8Array[] = [];
  const { scratch } = tenant.client;
  for (let call = 0; call < 4096; call++) {
    const length = Math.min(chunkAt(call, chunk, 10 * scratch.size), scratch.size);
    const result = tenant.process.read(file.fd, scratch.address, length);
    if (result < 0) return result;
    if (result === 0) {
      const back = move(tenant, world, step, MIG_STATE.STOP);
      return back < 0 ? back : Buffer.concat(parts);
    }
    parts.push(tenant.process.memory.copyIn(scratch.address, result)!);
  }
  world.violate('save-load round trip', 'a stop-copy stream never ends', step);
  return -ERRNO.EIO;
}

export const STREAM: readonly Operation[] = [write, roundTrip];
