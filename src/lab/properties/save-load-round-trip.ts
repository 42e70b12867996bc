/** Save-load round trip: saving, loading and saving again gives the same stream. */
import { Buffer } from 'node:buffer';
import { errnoName } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const SAVE_LOAD_ROUND_TRIP: Property = {
  name: 'save-load round trip',
  promise:
    'What is loaded is what was saved, in every bit and in whatever chunks it is moved, into the same device or another; and a device that has stopped stands still.',
  observes:
    'All state of the device before and after, both streams byte for byte, the memory of its tenant while it is stopped, requests of the device in states in which it makes none, whether a stream that was begun can be read to its end, and whether the device takes it.',
  allows: ['a device that cannot be reached for the time being, with the errno its driver declares for that'],
  needs: ['migration'],
};

const NAME = SAVE_LOAD_ROUND_TRIP.name;

/** States in which a device asks nothing of memory by itself (include/uapi/linux/vfio.h: enum vfio_device_mig_state). */
const QUIET: ReadonlySet<number> = new Set([
  MIG_STATE.STOP,
  MIG_STATE.STOP_COPY,
  MIG_STATE.RESUMING,
  MIG_STATE.RUNNING_P2P,
  MIG_STATE.PRE_COPY_P2P,
]);

export class SaveLoadRoundTrip implements Check {
  readonly property = SAVE_LOAD_ROUND_TRIP;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** The device reads or writes memory. In a call that changes its state that says nothing. */
  memoryUsed(tenant: Tenant): void {
    if (tenant.state !== undefined && QUIET.has(tenant.state)) tenant.strayed = true;
  }

  after(tenant: Tenant): void {
    if (!tenant.strayed) return;
    tenant.strayed = false;
    const { state, pending } = tenant;
    if (state !== undefined && QUIET.has(state) && pending === 0 && !this.world.raced)
      this.world.violate(NAME, `the device uses memory in ${STATE_NAMES[state]}`);
  }

  /** The device answered to its own stream. */
  ownStream(result: number): void {
    const { world } = this;
    if (result < 0 && world.sound && !world.profile.unreachable?.has(-result))
      world.violate(NAME, `the device's own stream is refused with ${errnoName(result)}`);
  }

  /** Nothing was in the way, and the stream that was begun has no end. */
  notSaved(result: number): void {
    const { world } = this;
    if (world.sound && world.undisturbed && !world.profile.unreachable?.has(-result))
      world.violate(NAME, `the state of the device cannot be saved: ${errnoName(result)}`);
  }

  savedAgain(first: Uint8Array, second: Uint8Array): void {
    if (Buffer.compare(first, second) === 0) return;
    let at = 0;
    while (at < first.length && first[at] === second[at]) at++;
    this.world.violate(NAME, `the state changed at byte ${at} of the stream`);
  }

  /** Every bit of the device: when it was saved, and after it was loaded. */
  loadedAgain(saved: Uint8Array, loaded: Uint8Array): void {
    if (Buffer.compare(saved, loaded) !== 0)
      this.world.violate(NAME, 'the device that was loaded is not the device that was saved');
  }

  /** A device that has stopped changes neither itself nor the memory of its tenant: a copy of either is complete. */
  heldStill(
    device: Uint8Array,
    now: Uint8Array,
    memory: Uint8Array | undefined,
    memoryNow: Uint8Array | undefined,
  ): void {
    if (Buffer.compare(device, now) !== 0) this.world.violate(NAME, 'the device changes after it was stopped');
    if (memory !== undefined && memoryNow !== undefined && Buffer.compare(memory, memoryNow) !== 0)
      this.world.violate(NAME, 'the device writes memory after it was stopped, which a copy of it lacks');
  }

  neverEnds(): void {
    this.world.violate(NAME, 'a stop-copy stream never ends');
  }
}
