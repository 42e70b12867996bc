/** Arguments of parent interactions as data: their type, their meaning, and where their value comes from. */
import type { AnySafeguard, Safeguard } from './safeguard.ts';
import type { Untrusted } from './untrusted.ts';

/**
 * Where a value comes from: the kernel alone, the device, a user's value that passed safeguards, or a user's bytes as
 * they are, which the device then has to check itself.
 */
export type Source = 'kernel' | 'device' | 'user-derived' | 'opaque';

declare const value: unique symbol;

/** One argument that carries a `T`. */
export interface Argument<T = unknown, S extends Source = Source> {
  /** The type on the wire, e.g. `u16`. */
  readonly type: string;
  readonly meaning: string;
  readonly source: S;
  /** What makes a user-derived value safe; empty for other sources. */
  readonly safeguards: readonly AnySafeguard[];
  /** Who checks an opaque value, and against what. */
  readonly checkedBy?: string;
  readonly [value]?: T;
}

/** The arguments of an interaction by name. */
export type Arguments = Readonly<Record<string, Argument>>;

/** What a caller gives: plain values, and for opaque arguments untrusted ones. */
export type Given<A extends Arguments> = {
  readonly [N in keyof A]: A[N] extends Argument<infer T, infer S> ? (S extends 'opaque' ? Untrusted<T> : T) : never;
};

/** What the parent receives: opaque values too, as the device will. */
export type Received<A extends Arguments> = {
  readonly [N in keyof A]: A[N] extends Argument<infer T, Source> ? T : never;
};

/** No user byte influences it: an identity, a handle, a size the kernel computed. */
export function kernel<T>(type: string, meaning: string): Argument<T, 'kernel'> {
  return { type, meaning, source: 'kernel', safeguards: [] };
}

/** The device (or its firmware) answered it earlier. */
export function device<T>(type: string, meaning: string): Argument<T, 'device'> {
  return { type, meaning, source: 'device', safeguards: [] };
}

/** Computed from what a user supplied, after these checks. */
export function userDerived<T>(
  type: string,
  meaning: string,
  safeguards: readonly [Safeguard<never, never>, ...Safeguard<never, never>[]],
): Argument<T, 'user-derived'> {
  return {
    type,
    meaning,
    source: 'user-derived',
    safeguards: safeguards as readonly unknown[] as readonly AnySafeguard[],
  };
}

/** A user's bytes as they are: the most dangerous door of a driver. */
export function opaque<T>(type: string, meaning: string, checkedBy: string): Argument<T, 'opaque'> {
  return { type, meaning, source: 'opaque', safeguards: [], checkedBy };
}
