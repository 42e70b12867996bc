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
  /** Why nothing would be lost without it, for a reader to check; undefined: something would. */
  readonly redundant: string | undefined;
  /** True if the value is acceptable. Replaceable: this is the lab's seam. */
  holds(value: T, context: C): boolean;
}

/** A safeguard whatever it checks. */
export type AnySafeguard = Safeguard<unknown, unknown>;

/** What an author writes for one safeguard. */
export interface SafeguardDefinition<T, C> {
  readonly checks: string;
  readonly errno: ErrnoName;
  /** Why nothing would be lost without it. Only for one that no property can notice: say what else stands there. */
  readonly redundant?: string;
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
  const list = Object.entries(definitions).map(([name, { checks, errno, redundant, holds }]) => [
    name,
    { owner, name, checks, errno: ERRNO[errno], errnoName: errno, redundant, holds },
  ]);
  return Object.fromEntries(list) as unknown as Safeguards<D>;
}

/** Switches a safeguard off; returns the way to switch it on again. */
export function switchOff(guard: AnySafeguard): () => void {
  const { holds } = guard;
  guard.holds = () => true;
  return () => {
    guard.holds = holds;
  };
}

/** Runs `body` with `guard` switched off, and switches it on again. */
export function withoutSafeguard<R>(guard: AnySafeguard, body: () => R): R {
  const switchOn = switchOff(guard);
  try {
    return body();
  } finally {
    switchOn();
  }
}
