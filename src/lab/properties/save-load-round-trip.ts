/** Save-load round trip: saving, loading and saving again gives the same stream. */
import { Buffer } from 'node:buffer';
import { errnoName } from '../../uapi/errno.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const SAVE_LOAD_ROUND_TRIP: Property = {
  name: 'save-load round trip',
  promise: 'Saving, loading and saving again gives the same stream, in whatever chunks it is moved.',
  observes: 'Both streams of a stopped device byte for byte, and whether the device takes its own.',
  allows: ['a device that cannot be reached for the time being, with the errno its driver declares for that'],
  needs: ['migration'],
};

const NAME = SAVE_LOAD_ROUND_TRIP.name;

export class SaveLoadRoundTrip implements Check {
  readonly property = SAVE_LOAD_ROUND_TRIP;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** The device answered to its own stream. */
  ownStream(result: number): void {
    const { world } = this;
    if (result < 0 && !world.failed && !world.raced && !world.profile.unreachable?.has(-result))
      world.violate(NAME, `the device's own stream is refused with ${errnoName(result)}`);
  }

  savedAgain(first: Uint8Array, second: Uint8Array): void {
    if (Buffer.compare(first, second) === 0) return;
    let at = 0;
    while (at < first.length && first[at] === second[at]) at++;
    this.world.violate(NAME, `the state changed at byte ${at} of the stream`);
  }

  neverEnds(): void {
    this.world.violate(NAME, 'a stop-copy stream never ends');
  }
}
