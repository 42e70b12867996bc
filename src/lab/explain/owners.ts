/**
 * Whose a byte is that somebody observes. It is not guessed from its value: the scenario is run again with only one thing
 * changed, and a byte belongs to what it follows.
 */
import type { Actor, Scenario } from '../scenario.ts';
import { BASE, OTHER, type Subject } from '../worlds.ts';
import type { Observation } from './observations.ts';
import { type WatchedRun, watchedPair } from './watched-run.ts';

/** Tenant A's acts, tenant B's secret, memory that the kernel did not clear, or none of them: the host's. */
export type Owner = 'a' | 'b' | 'k' | '-';

/** Only B's secret is another. */
const SECRET = { secret: OTHER.secret, fill: BASE.fill };
/** Only what uncleared memory holds is another. */
const FILL = { secret: BASE.secret, fill: OTHER.fill };

/** The owners of both sides of an observation, byte by byte. */
export interface Owners {
  readonly left: readonly Owner[];
  readonly right: readonly Owner[];
}

/** Finds the owners of observation `index` of `observer`, as `base` and `twin` saw it. */
export function ownersOf(
  subject: Subject,
  scenario: Scenario,
  observer: Actor,
  index: number,
  sides: { readonly left: Uint8Array; readonly right: Uint8Array },
): Owners {
  const { left, right } = sides;
  const at = (run: WatchedRun | undefined): Uint8Array => bytesOf(run?.observations.by[observer][index]);
  if (scenario.twin === 'confidentiality') {
    const secret = at(watchedPair(subject, scenario, BASE, SECRET).twin);
    const fill = at(watchedPair(subject, scenario, BASE, FILL).twin);
    const owner =
      (bytes: Uint8Array) =>
      (i: number): Owner =>
        changed(left, secret, i)
          ? 'b'
          : changed(left, fill, i)
            ? 'k'
            : i < bytes.length && changed(left, right, i)
              ? 'b'
              : '-';
    return { left: each(left, owner(left)), right: each(right, owner(right)) };
  }
  const secret = watchedPair(subject, scenario, SECRET, SECRET);
  const fill = watchedPair(subject, scenario, FILL, FILL);
  const others =
    (bytes: Uint8Array, run: 'base' | 'twin') =>
    (i: number): Owner =>
      changed(bytes, at(secret[run]), i) ? 'b' : changed(bytes, at(fill[run]), i) ? 'k' : '-';
  const [acts, rests] = [others(left, 'base'), others(right, 'twin')];
  return { left: each(left, (i) => (changed(left, right, i) ? 'a' : acts(i))), right: each(right, rests) };
}

const each = (bytes: Uint8Array, owner: (index: number) => Owner): Owner[] => Array.from(bytes, (_, i) => owner(i));

const changed = (a: Uint8Array, b: Uint8Array, index: number): boolean => a[index] !== b[index];

/** A number is seen as the eight bytes of an integer, where it is one. */
export function bytesOf(observation: Observation | undefined): Uint8Array {
  if (observation === undefined) return new Uint8Array();
  if (typeof observation.seen !== 'number') return observation.seen;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, BigInt(Math.trunc(observation.seen)), true);
  return new Uint8Array(view.buffer);
}
