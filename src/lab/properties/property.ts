/** What a property of the campaign is: a promise in words, and what holds a run against it. */
import type { Offer } from '../offers.ts';
import type { Tenant } from '../tenant.ts';

/** A promise. Thirteen of them make the suite; each stands in a file with the check that holds a run against it. */
export interface Property {
  readonly name: string;
  /** What must hold, in words. */
  readonly promise: string;
  /** What is looked at, and when. */
  readonly observes: string;
  /** What may happen, or differ, and breaks nothing. */
  readonly allows: readonly string[];
  /** What a subject must offer for the promise to be about anything; the first that is missing is the reason. */
  readonly needs?: readonly Offer[];
}

/**
 * Holds one run against a promise. One object for each machine; it keeps what it knows in fields, so that it can be
 * brought back with the machine. The three calls are optional: some checks are told by the operations that know best.
 */
export interface Check {
  readonly property: Property;
  /** Begins to listen. */
  watch?(): void;
  /** After each call of a tenant that ran by itself to its end. */
  after?(tenant: Tenant, result: number): void;
  /** At the end of a run, when everybody has left and all is at rest. */
  judge?(): void;
}
