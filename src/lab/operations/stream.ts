/** Migration streams going in: valid ones, faulty ones, in calls of any size, one writer or two. */

import type { Result } from '../../kernel/file.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { isFaulty, STREAM_ARGS, streamArgs, streamOf } from './faulty-stream.ts';
import { type Args, after, type Operation } from './operation.ts';

/** Calls that move this many bytes each; the rest of a stream goes in pieces of a tenth. */
const SMALL_CALLS = 40;
export const chunkAt = (call: number, chunk: number, length: number): number =>
  call < SMALL_CALLS ? Math.max(1, chunk) : Math.max(chunk, Math.ceil(length / 10));

/** Writes `bytes` in chunks; the first error ends it. */
export function feed(tenant: Tenant, file: DataFile, bytes: Uint8Array, chunk: number, world: World): number {
  const { scratch } = tenant;
  world.feeding = true;
  for (let at = 0, call = 0; at < bytes.length; call++) {
    const end = at + chunkAt(call, chunk, bytes.length);
    const part = bytes.subarray(at, Math.min(end, bytes.length, at + scratch.size));
    const result = tenant.process.write(file.fd, scratch.load(part), part.length);
    world.checks.streams.took(file, result);
    // A refused stream stays refused.
    if (world.failed) file.certain = false;
    if (result <= 0) {
      world.feeding = false;
      return result < 0 ? result : -ERRNO.EIO;
    }
    at += result;
  }
  world.feeding = false;
  world.checks.streams.takenAll(tenant, file);
  return bytes.length;
}

/** The newest file that streams go into, its session running or not. */
const resumeFile = (tenant: Tenant): DataFile | undefined => tenant.file('resume') ?? tenant.file('resume', false);

const write: Operation = {
  name: 'write',
  needs: 'migration',
  args: STREAM_ARGS,
  weights: [1, 1, 1, 1, 18, 1, 1, 1],
  spawnable: true,
  generate: (random, tenant, world) => (resumeFile(tenant) === undefined ? undefined : streamArgs(random, world)),
  run(tenant, args, world, spawned) {
    const file = resumeFile(tenant);
    if (file === undefined) return -ERRNO.EBADF;
    return spawned ? writeBeside(tenant, file, args, world) : writeStream(tenant, file, args, world);
  },
};

/** One call, of at most the first chunk, that stays under way while others are made. */
function writeBeside(tenant: Tenant, file: DataFile, args: Args, world: World): Result {
  const bytes = streamOf(tenant, args, world).subarray(0, Math.min(args.chunk!, tenant.spare.size));
  file.certain = false;
  if (file.alive) tenant.tainted = true;
  return after(tenant.process.writeCall(file.fd, tenant.spare.load(bytes), bytes.length, undefined), (result) => {
    world.checks.streams.took(file, result);
    return result;
  });
}

/** Writes the stream that the arguments stand for, and judges how it is taken. */
export function writeStream(tenant: Tenant, file: DataFile, args: Args, world: World): number {
  const { chunk } = args;
  const bytes = streamOf(tenant, args, world);
  const mutated = isFaulty(args);
  const { alive, certain } = file;
  const untouched = file.bytes.length === 0;
  if (mutated && alive) tenant.tainted = true;
  const result = feed(tenant, file, bytes, chunk!, world);
  file.bytes.push(bytes.subarray(0, 0));
  if (tenant.pending > 0) return result;
  if (file.refused && bytes.length > 0) world.checks.streams.writtenAgain(result);
  if (result < 0) file.refused = true;
  else if (mutated && untouched && alive && certain) world.checks.streams.wholeTaken(bytes);
  if (!alive) world.checks.descriptors.written(certain, bytes.length, result);
  world.checks.streams.written({ result, length: bytes.length, mutated, alive, untouched, certain });
  return result;
}

/** Lengths of a call at which 32 bits, signed or not, and 64 bits end, and where a transfer is cut. */
const LENGTHS = [0, 1, 4096, 65536, 0x7fff_efff, 0x7fff_f000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 8];
/** 2^63 and the largest number below it that a double can say; too long for anything. */
const TOO_LONG = [2 ** 53, 2 ** 63 - 1024, 2 ** 63];
const ALL_LENGTHS = [...LENGTHS, ...TOO_LONG];
/** Where the bytes are: in memory that ends before the length does, nowhere, or nowhere behind a good beginning. */
const PLACES = 3;

/** read() and write() with lengths and addresses that no program means. */
const oddTransfer: Operation = {
  name: 'odd_transfer',
  needs: 'migration',
  args: ['length', 'place', 'good'],
  weights: [1, 1, 1, 4, 6, 1, 4, 2],
  generate(random, tenant) {
    if (!tenant.files.some((file) => file.open)) return undefined;
    return { length: random.below(ALL_LENGTHS.length), place: random.below(PLACES), good: random.below(80) };
  },
  run(tenant, { length, place, good }, world) {
    const file = tenant.files.findLast((each) => each.open);
    if (file === undefined) return -ERRNO.EBADF;
    const bytes = ALL_LENGTHS[length! % ALL_LENGTHS.length]!;
    const { address, size } = tenant.scratch;
    // A guard behind the whole, which is none.
    tenant.scratch.room(place === 0 ? Math.min(bytes, size) : size);
    // Behind the scratch memory nothing is mapped.
    const from = place === 0 ? address : place === 1 ? 0x10 : address + size - good!;
    const before = world.inside.digest(tenant).slice();
    const known = file.alive && file.certain;
    file.certain = false;
    if (bytes > 0 && file.alive) tenant.tainted = true;
    if (file.direction === 'resume' && place !== 1) {
      const valid = streamOf(tenant, { fault: 0 }, world);
      tenant.process.memory.write(from, valid.subarray(0, Math.min(valid.length, bytes, place === 0 ? size : good!)));
    }
    const result =
      file.direction === 'save'
        ? tenant.process.read(file.fd, from, bytes)
        : tenant.process.write(file.fd, from, bytes);
    file.whole = false;
    if (tenant.pending === 0)
      world.checks.streams.transferred(tenant, file, { from, length: bytes, result, before, known });
    return result;
  },
};

export const STREAM: readonly Operation[] = [write, oddTransfer];
