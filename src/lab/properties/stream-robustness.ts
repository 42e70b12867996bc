/** Stream robustness: a bad stream is refused with a declared errno, and the device is as it was. */
import { Buffer } from 'node:buffer';
import { TASK_SIZE } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const STREAM_ROBUSTNESS: Property = {
  name: 'stream robustness',
  promise:
    'Whatever bytes are written to a data file, in whatever pieces: a stream the device cannot take is refused with an errno that a safeguard declares, and leaves the device as it was; a valid one is taken.',
  observes:
    'The answer of each write of any length and from any address, whether the driver finds what it declares, how many bytes are taken, the state of the device around each image that its parent refused, and what a device does that runs with what was loaded; records that the kernel queues for its user, byte for byte.',
  allows: [
    'a stream that is well formed and says something else: the state it loads is the user’s own',
    'a refusal after an injected failure, or in a session that calls beside each other have disturbed',
  ],
  needs: ['migration'],
};

const NAME = STREAM_ROBUSTNESS.name;

/** One stream that went in, and how it was taken. */
export interface Written {
  readonly result: number;
  /** Bytes that were offered. */
  readonly length: number;
  readonly mutated: boolean;
  /** The session ran, and nothing had been written to it. */
  readonly alive: boolean;
  readonly untouched: boolean;
  /** The lab knows whether the session runs. */
  readonly certain: boolean;
}

/** A stream that went in before the device was let run. */
export interface Loaded {
  readonly written: number;
  readonly runs: number;
  /** Nothing had been written to the session before. */
  readonly fresh: boolean;
  readonly mutated: boolean;
  /** The device before anything was written. */
  readonly before: Uint8Array;
}

/** One call with an odd length or address. */
export interface Transfer {
  readonly from: number;
  readonly length: number;
  readonly result: number;
  /** The device before it. */
  readonly before: Uint8Array;
  /** The session of the file runs, for certain. */
  readonly known: boolean;
}

/** What every transfer may answer: the address is bad, the length is, there is nothing, the session has ended. */
const ODD = new Set<number>([ERRNO.EFAULT, ERRNO.EINVAL, ERRNO.ENODEV]);

export class StreamRobustness implements Check {
  readonly property = STREAM_ROBUSTNESS;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** A whole stream was taken: nothing that its parent refused may be in it. */
  takenAll(tenant: Tenant, file: DataFile): void {
    const { world } = this;
    // Only tenant A has failures; one that came in a call of its own beside this one says nothing.
    if (tenant !== world.a || world.raced) return;
    if (world.failed && file.alive && world.failedCommand === world.profile.failures?.load)
      world.violate(NAME, 'an image that the firmware refused counts as loaded');
  }

  /** The same, and a fault was in it: none that a safeguard is for. */
  wholeTaken(bytes: Uint8Array): void {
    const guard = this.world.subject.streams?.broken(bytes);
    if (guard !== undefined) this.world.violate(NAME, `a stream is taken that is to be refused: ${guard.checks}`);
  }

  /** A whole stream was taken, and the device runs with it: it has as many parts as it says. */
  runsWith(bytes: Uint8Array): void {
    const guard = this.world.subject.streams?.miscounted(bytes);
    if (guard !== undefined) this.world.violate(NAME, `a stream is taken that is to be refused: ${guard.checks}`);
  }

  /** The device runs with what was loaded. */
  became(tenant: Tenant): void {
    const state = this.world.inside.impossible?.(tenant);
    if (state !== undefined) this.world.violate(NAME, `what was loaded is no state of such a device: ${state}`);
  }

  /** A write to a session that has refused a stream answered. */
  writtenAgain(result: number): void {
    if (result >= 0 && this.world.profile.staysRefused)
      this.world.violate(NAME, 'a stream that was refused is taken further');
  }

  /** What was read of a queue is, byte by byte, what waited there. */
  records(reader: Process, address: number, right: readonly Uint8Array[], what: string): void {
    let at = address;
    for (const bytes of right) {
      const read = reader.memory.copyIn(at, bytes.length);
      if (read === undefined || Buffer.compare(read, bytes) !== 0)
        return this.world.violate(NAME, `what is read of a queue of ${what} is not what was reported`);
      at += bytes.length;
    }
  }

  /** Somebody waits for an answer that was given otherwise, or not at all. */
  unanswered(what: string): void {
    this.world.violate(NAME, `${what} is not answered as the user said`);
  }

  /** A stream was written, whole or up to an error. */
  written({ result, mutated, alive, untouched, certain }: Written): void {
    const { world } = this;
    if (world.profile.unreachable?.has(-result)) return;
    // A state change that ran beside may have ended the session.
    const ended = result === -ERRNO.ENODEV && !certain;
    if (alive && result < 0 && !ended && !world.profile.streamErrnos.has(-result))
      world.violate(NAME, `a bad stream is refused with ${errnoName(result)}, which no safeguard declares`);
    // After an injected failure, or calls beside a reset, the firmware may still hold on to a save.
    if (alive && world.sound && certain && untouched && !mutated && result < 0)
      world.violate(NAME, `a valid stream is refused with ${errnoName(result)}`);
  }

  /** A stream went in and the device was let run: what the two answered. */
  loaded(tenant: Tenant, { written, runs, fresh, mutated, before }: Loaded): void {
    const { world } = this;
    const { streamBytes = 0, unreachable, loadsAtEnd } = world.profile;
    if (fresh && written >= 0 && written < streamBytes && runs >= 0)
      world.violate(NAME, `${written} bytes of a stream of ${streamBytes} are loaded`);
    const sound = world.sound && tenant.pending === 0;
    if (runs < 0 && !mutated && sound && !unreachable?.has(-Math.min(written, runs)))
      world.violate(NAME, `a valid stream is not loaded (${errnoName(runs)})`);
    if (runs < 0 && loadsAtEnd && sound && Buffer.compare(before, world.inside.digest(tenant)) !== 0)
      world.violate(NAME, 'a stream that is not loaded has changed the device');
  }

  /** Bytes were taken by a data file: never more than there is room for. */
  took(file: DataFile, count: number): void {
    if (count <= 0) return;
    file.taken += count;
    const { streamBytes } = this.world.profile;
    if (streamBytes !== undefined && file.taken > streamBytes)
      this.world.violate(NAME, `${file.taken} bytes are taken where ${streamBytes} have room`);
  }

  /** A transfer of an odd length, or from an odd address, answered. */
  transferred(tenant: Tenant, file: DataFile, { from, length, result, before, known }: Transfer): void {
    const { world } = this;
    const { streamErrnos, refusedFirst, loadsAtEnd } = world.profile;
    if (result > length || (result > 0 && tenant.process.memory.copyIn(from, result) === undefined))
      world.violate(NAME, `a transfer of ${length} bytes answers ${result}`);
    if (file.direction !== 'resume') return;
    const whole = world.profile.streamBytes;
    if (
      whole !== undefined &&
      known &&
      from + length < TASK_SIZE &&
      file.taken + length > whole &&
      result !== -(refusedFirst ?? 0)
    )
      world.violate(
        NAME,
        `${length} bytes where ${whole - file.taken} have room are not refused for that, but ${result}`,
      );
    this.took(file, result);
    const declared = ODD.has(-result) || streamErrnos.has(-result) || -result === refusedFirst;
    if (result < 0 && !declared && !world.profile.unreachable?.has(-result))
      world.violate(
        NAME,
        `a write of ${length} bytes is refused with ${errnoName(result)}, which no safeguard declares`,
      );
    if (loadsAtEnd && Buffer.compare(before, world.inside.digest(tenant)) !== 0)
      world.violate(NAME, 'a stream changes the device before it is loaded');
  }

  /** The kernel crashed while a tenant's device was given, or ran with, what no device saved. */
  crashed(how: string): void {
    const { world } = this;
    const tenant = world.tenants.find(({ name }) => name === world.actor);
    if (tenant?.tainted || world.feeding) world.violate(NAME, `after a bad stream the kernel crashes: ${how}`);
  }

  /** The parent refused an image, and the device is not as it was before. */
  refusedImageChanged(): void {
    this.world.violate(NAME, 'a refused image has changed the device');
  }
}
