/** What each observer of a run saw, one observation after another, with the call it came from. */
import type { Actor } from '../scenario.ts';
import type { World } from '../world.ts';
import type { AnsweredCall } from './watch-calls.ts';

/** One thing that was seen: bytes, or a number. */
export interface Observation {
  /** -1: the look at the end. */
  readonly step: number;
  readonly seen: Uint8Array | number;
  /** The last call that was answered before it, in the same step. */
  readonly call: AnsweredCall | undefined;
}

/** All of a run. */
export class Observations {
  readonly by: Readonly<Record<Actor, Observation[]>> = { A: [], B: [], H: [] };
  private readonly last: Partial<Record<Actor, AnsweredCall>> = {};

  /** Listens at the recorders of a world. */
  attach(world: World): void {
    for (const actor of ['A', 'B', 'H'] as const) {
      const recorder = world.seen[actor];
      const { begin, number, data } = recorder;
      let step = -1;
      // A recorder notes the length of bytes as a number; only the bytes were seen.
      let within = false;
      recorder.begin = (at) => {
        step = at;
        delete this.last[actor];
        begin.call(recorder, at);
      };
      recorder.number = (value) => {
        if (!within) this.by[actor].push({ step, seen: value, call: this.last[actor] });
        number.call(recorder, value);
      };
      recorder.data = (bytes) => {
        this.by[actor].push({ step, seen: bytes.slice(), call: this.last[actor] });
        within = true;
        data.call(recorder, bytes);
        within = false;
      };
    }
  }

  answered(actor: Actor, call: AnsweredCall): void {
    this.last[actor] = call;
  }
}

/** Where two runs first differ for an observer: the number of the observation; undefined: nowhere. */
export function firstDifference(a: readonly Observation[], b: readonly Observation[]): number | undefined {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (!same(a[i], b[i])) return i;
  return undefined;
}

function same(a: Observation | undefined, b: Observation | undefined): boolean {
  if (a === undefined || b === undefined || a.step !== b.step) return false;
  if (typeof a.seen === 'number' || typeof b.seen === 'number') return Object.is(a.seen, b.seen);
  return Buffer.compare(a.seen, b.seen) === 0;
}
