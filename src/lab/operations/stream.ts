/** Migration streams going in: valid ones, broken ones, and the round trip that must change nothing. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { Random } from '../random.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Args, Operation } from './operation.ts';

/** Calls that move this many bytes each; the rest of a stream goes in pieces of a tenth. */
const SMALL_CALLS = 40;
const chunkAt = (call: number, chunk: number, length: number): number =>
  call < SMALL_CALLS ? Math.max(1, chunk) : Math.max(chunk, Math.ceil(length / 10));

/** Writes `bytes` in chunks; the first error ends it. */
function feed(tenant: Tenant, file: DataFile, bytes: Uint8Array, chunk: number): number {
  const { scratch } = tenant;
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
  needs: 'migration',
  args: ['mutate', 'salt', 'chunk'],
  weights: [1, 1, 1, 1, 18, 1, 1, 1],
  generate(random, tenant) {
    const possible = tenant.files.some((file) => file.open && file.direction === 'resume');
    return possible ? streamArgs(random) : undefined;
  },
  run(tenant, args, world) {
    const file = tenant.file('resume') ?? tenant.file('resume', false);
    return file === undefined ? -ERRNO.EBADF : writeStream(tenant, file, args, world);
  },
};

/** Which stream goes in: `mutate` 0 or 1, by the choices of `salt`, in calls of `chunk` bytes. */
export const streamArgs = (random: Random): Args => ({
  mutate: random.chance(65) ? 1 : 0,
  salt: random.bits(),
  chunk: random.chance(50) ? 65536 : 1 + random.below(48),
});

/** Writes a valid stream or a changed one, and judges how it is taken. */
export function writeStream(tenant: Tenant, file: DataFile, args: Args, world: World): number {
  const { mutate, salt, chunk } = args;
  const valid = tenant.stream ?? world.profile.sample(world);
  const random = new Random(salt!);
  const bytes = mutate ? world.variant.declaration.formats[0]!.mutations(valid, (n: number) => random.below(n)) : valid;
  const alive = file.alive;
  const untouched = file.bytes.length === 0;
  const result = feed(tenant, file, bytes, chunk!);
  file.bytes.push(bytes.subarray(0, 0));
  if (tenant.pending > 0) return result;
  const { certain } = file;
  if (!alive) world.checks.descriptors.written(certain, bytes.length, result);
  world.checks.streams.written({ result, length: bytes.length, mutated: mutate !== 0, alive, untouched, certain });
  return result;
}

/** Saves, loads into the same device, saves again: both streams must be the same bytes, whatever the chunks. */
const roundTrip: Operation = {
  name: 'round_trip',
  needs: 'migration',
  args: ['out', 'into'],
  weights: [0, 2, 1, 0, 0, 1, 0, 0],
  generate: (random, tenant) => (tenant.pending > 0 ? undefined : { out: chunkSize(random), into: chunkSize(random) }),
  run(tenant, { out, into }, world) {
    const first = saveAll(tenant, world, out!);
    if (typeof first === 'number') return first;
    const resumed = move(tenant, world, MIG_STATE.RESUMING);
    if (resumed < 0) return resumed;
    const file = tenant.file('resume')!;
    const loaded = feed(tenant, file, first, into!);
    world.checks.roundTrip.ownStream(loaded);
    if (loaded < 0) return loaded;
    const second = saveAll(tenant, world, 65536);
    if (typeof second === 'number') return second;
    world.checks.roundTrip.savedAgain(first, second);
    tenant.stream = second;
    return move(tenant, world, MIG_STATE.STOP);
  },
};

const chunkSize = (random: Random): number => (random.chance(50) ? 65536 : 1 + random.below(200));

/** set_state with its checks; 0 or the errno. */
export function move(tenant: Tenant, world: World, state: number): number {
  const from = tenant.state;
  const answer = tenant.device!.setState(state);
  world.checks.fsm.requested(tenant, from, state, answer.result, answer.dataFd);
  return answer.result;
}

/** The whole stream of a stopped device. */
function saveAll(tenant: Tenant, world: World, chunk: number): Uint8Array | number {
  // A fresh session: a stream that PRE_COPY began is another (and longer) one.
  const stopped = move(tenant, world, MIG_STATE.STOP);
  if (stopped < 0) return stopped;
  const saved = move(tenant, world, MIG_STATE.STOP_COPY);
  if (saved < 0) return saved;
  const file = tenant.file('save');
  if (file === undefined) return -ERRNO.EBADF;
  const parts: Uint8Array[] = [];
  const { scratch } = tenant;
  for (let call = 0; call < 4096; call++) {
    const length = Math.min(chunkAt(call, chunk, 10 * scratch.size), scratch.size);
    const result = tenant.process.read(file.fd, scratch.room(length), length);
    if (result < 0) return result;
    if (result === 0) {
      const back = move(tenant, world, MIG_STATE.STOP);
      return back < 0 ? back : Buffer.concat(parts);
    }
    parts.push(tenant.process.memory.copyIn(scratch.address, result)!);
  }
  world.checks.roundTrip.neverEnds();
  return -ERRNO.EIO;
}

export const STREAM: readonly Operation[] = [write, roundTrip];
