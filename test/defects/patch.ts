/** Planting by patching: a seam of the shipped code is replaced for a while, and put back. */

import type { Undo } from '../../src/lab/zoo/defect.ts';

export type { Undo };

/** Replaces `target[name]` by what `make` makes of the original. */
export function patch<T extends object, N extends keyof T>(target: T, name: N, make: (original: T[N]) => T[N]): Undo {
  const original = target[name];
  target[name] = make(original);
  return () => {
    target[name] = original;
  };
}

/** Methods that only their class calls. */
export const inner = <T extends object>(prototype: object): T => prototype as unknown as T;
