/** A scenario as data: who does what, in which order, under which schedule. It is what a counterexample file holds. */

import type { Setting } from './setting.ts';

/** Tenant A tries to escape, tenant B is its neighbour, H is the host's administrator. */
export type Actor = 'A' | 'B' | 'H';

/** One call (or a short fixed sequence of calls). Arguments are numbers with names, so that they shrink and print. */
export interface Step {
  readonly by: Actor;
  readonly op: string;
  readonly args: Readonly<Record<string, number>>;
  /** Started, but not waited for: later steps run while it sleeps. */
  readonly spawn?: boolean;
}

/**
 * How the second run of a pair differs from the first: A does nothing; B's secret and what uncleared memory holds are
 * others; only the latter is.
 */
export type Twin = 'integrity' | 'confidentiality' | 'residue';
export const TWINS: readonly Twin[] = ['integrity', 'confidentiality', 'residue'];

/** See the head of this file. */
export interface Scenario {
  readonly variant: string;
  /** Reproduces contents and secrets. */
  readonly seed: number;
  readonly twin: Twin;
  readonly setting: Setting;
  readonly steps: readonly Step[];
  /** Of step i: {@link turnsOf} and {@link orderOf}, in one number. */
  readonly schedule: readonly number[];
}

/** A number of the schedule is turns below this, and multiples of it the order. */
export const TURNS = 8;

/** After the step, how many turns the threads that are still under way get. */
export const turnsOf = (scheduled: number): number => scheduled % TURNS;

/** Who runs as long as a call of tenant A is under way: an order, see src/lab/schedule.ts. */
export const orderOf = (scheduled: number): number => Math.floor(scheduled / TURNS);

/** A broken promise. `at` is the step it showed at; -1: at the end. */
export interface Violation {
  readonly property: string;
  readonly message: string;
  readonly at: number;
}
