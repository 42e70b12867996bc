/**
 * Safeguards: the declared checks by which a user's value becomes a value the driver may act on. Each has a name, words
 * for a reviewer, and the errno a violation answers. The registry lets a lab switch one off (by replacing `holds`) to
 * see which property notices; shipped code has no switch.
 */
import { ERRNO, type ErrnoName } from '../uapi/errno.ts';

/** A check of a `T`; `C` is what else the check looks at, where the value alone does not decide. */
export interface Safeguard<T = unknown, C = undefined> {
  /** The driver it protects. */
  readonly owner: string;
  readonly name: string;
  /** What is checked, in words. */
  readonly checks: string;
  /** What a violation answers: a positive error number, and its name. */
  readonly errno: number;
  readonly errnoName: ErrnoName;
  /** True if the value is acceptable. Replaceable: this is the lab's seam. */
  holds(value: T, context: C): boolean;
}

/** A safeguard whatever it checks. */
export type AnySafeguard = Safeguard<unknown, unknown>;

/** What an author writes for one safeguard. */
export interface SafeguardDefinition<T, C> {
  readonly checks: string;
  readonly errno: ErrnoName;
  holds(value: T, context: C): boolean;
}

type Definitions = Readonly<Record<string, SafeguardDefinition<never, never>>>;

/** The safeguards of one driver by name. */
export type Safeguards<D> = {
  readonly [N in keyof D]: D[N] extends { holds(value: infer T): boolean }
    ? Safeguard<T>
    : D[N] extends { holds(value: infer T, context: infer C): boolean }
      ? Safeguard<T, C>
      : never;
};

/** Declares the safeguards of `owner`. */
export function defineSafeguards<const D extends Definitions>(owner: string, definitions: D): Safeguards<D> {
  const list = Object.entries(definitions).map(([name, { checks, errno, holds }]) => [
    name,
    { owner, name, checks, errno: ERRNO[errno], errnoName: errno, holds },
  ]);
  return Object.fromEntries(list) as unknown as Safeguards<D>;
}

/** Runs `body` with `guard` switched off, and switches it on again. */
export function withoutSafeguard<R>(guard: AnySafeguard, body: () => R): R {
  const { holds } = guard;
  guard.holds = () => true;
  try {
    return body();
  } finally {
    guard.holds = holds;
  }
}
