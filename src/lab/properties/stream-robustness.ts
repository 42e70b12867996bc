/** Stream robustness: a bad stream is refused with a declared errno, and the device is as it was. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const STREAM_ROBUSTNESS: Property = {
  name: 'stream robustness',
  promise:
    'Whatever bytes are written to a data file, in whatever pieces: a stream the device cannot take is refused with an errno that a safeguard declares, and leaves the device as it was; a valid one is taken.',
  observes:
    'The answer of each write, whether the driver finds what it declares, and the state of the device around each image that its parent refused.',
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

export class StreamRobustness implements Check {
  readonly property = STREAM_ROBUSTNESS;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
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
    const sound = !world.failed && !world.raced;
    if (alive && sound && certain && untouched && !mutated && result < 0)
      world.violate(NAME, `a valid stream is refused with ${errnoName(result)}`);
  }

  /** A stream went in and the device was let run: `written` and `runs` are what the two answered. */
  loaded(tenant: Tenant, written: number, runs: number, mutated: boolean): void {
    const { world } = this;
    const { streamBytes = 0, unreachable } = world.profile;
    if (written >= 0 && written < streamBytes && runs >= 0)
      world.violate(NAME, `${written} bytes of a stream of ${streamBytes} are loaded`);
    if (runs < 0 && !mutated && !world.raced && tenant.pending === 0 && !unreachable?.has(-Math.min(written, runs)))
      world.violate(NAME, `a valid stream is not loaded (${errnoName(runs)})`);
  }

  /** The parent refused an image, and the device is not as it was before. */
  refusedImageChanged(): void {
    this.world.violate(NAME, 'a refused image has changed the device');
  }
}
