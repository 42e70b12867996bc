/**
 * Whose a byte is that somebody observes. It is not guessed from its value: the scenario is run again with only one thing
 * changed, and a byte belongs to what it follows.
 */
import type { Actor, Scenario } from '../scenario.ts';
import type { Subject } from '../subject.ts';
import type { Variation } from '../world.ts';
import { VARIATIONS } from '../worlds.ts';
import type { Observation } from './observations.ts';
import { type WatchedRun, watchedRuns } from './watched-run.ts';

/** Tenant A's acts, tenant B's secret, memory that the kernel did not clear, or none of them: the host's. */
export type Owner = 'a' | 'b' | 'k' | '-';

const { base: BASE, confidentiality: OTHER } = VARIATIONS;
/** Only B's secret is another. */
const SECRET = { secret: OTHER.secret, fill: BASE.fill };
/** Only what uncleared memory holds is another. */
const FILL = { secret: BASE.secret, fill: OTHER.fill };
const all = (variation: Variation) => ({
  base: variation,
  integrity: variation,
  confidentiality: variation,
  residue: variation,
});

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
  if (scenario.twin === 'integrity') {
    const [secret, fill] = [SECRET, FILL].map((variation) => watchedRuns(subject, scenario, all(variation)).by);
    const others = (bytes: Uint8Array, run: 'base' | 'integrity') => (i: number) =>
      follows(bytes, at(secret!.get(run)), at(fill!.get(run)), i);
    const [acts, rests] = [others(left, 'base'), others(right, 'integrity')];
    return { left: each(left, (i) => (changed(left, right, i) ? 'a' : acts(i))), right: each(right, rests) };
  }
  const varied = { ...VARIATIONS, confidentiality: SECRET };
  const secret = at(watchedRuns(subject, { ...scenario, twin: 'confidentiality' }, varied).by.get('confidentiality'));
  const fill = at(watchedRuns(subject, { ...scenario, twin: 'residue' }).by.get('residue'));
  const owner = (i: number): Owner => follows(left, secret, fill, i);
  return { left: each(left, owner), right: each(right, owner) };
}

/** What a byte follows of those two things. */
const follows = (bytes: Uint8Array, secret: Uint8Array, fill: Uint8Array, i: number): Owner =>
  changed(bytes, secret, i) ? 'b' : changed(bytes, fill, i) ? 'k' : '-';

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
