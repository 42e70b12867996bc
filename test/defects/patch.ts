/** Planting by patching: a seam of the shipped code is replaced for a while, and put back. */

/** Undoes what was planted. */
export type Undo = () => void;

/** Replaces `target[name]` by what `make` makes of the original. */
export function patch<T extends object, N extends keyof T>(target: T, name: N, make: (original: T[N]) => T[N]): Undo {
  const original = target[name];
  target[name] = make(original);
  return () => {
    target[name] = original;
  };
}
