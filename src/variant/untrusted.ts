/**
 * Values a user chose. An {@link Untrusted} is not assignable to what it holds, so acting on it unchecked is a compile
 * error; {@link passes} turns it into a plain value, or the caller answers the safeguard's errno. At run time an
 * untrusted value is the value itself: the wrapper costs nothing.
 */
import type { Safeguard } from './safeguard.ts';

declare const untrusted: unique symbol;

/** A `T` that came from a user and was not checked. */
export interface Untrusted<T> {
  readonly [untrusted]: T;
}

/** Marks what was copied from a user. */
export function fromUser<T>(value: T): Untrusted<T> {
  return value as unknown as Untrusted<T>;
}

/**
 * The only way from untrusted to trusted: `if (!passes(size, RECORD_SIZE)) return -RECORD_SIZE.errno;`
 * `context` is given where the safeguard compares with something the kernel knows.
 */
export function passes<T>(value: Untrusted<T>, guard: Safeguard<T>): value is Untrusted<T> & T;
export function passes<T, C>(value: Untrusted<T>, guard: Safeguard<T, C>, context: C): value is Untrusted<T> & T;
export function passes<T>(value: Untrusted<T>, guard: Safeguard<T, unknown>, context?: unknown): boolean {
  return guard.holds(value as unknown as T, context);
}
