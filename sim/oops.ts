/** What a kernel does when it follows a pointer that was never set. The lab's verdict is a crash, not a fault of ours. */
export class Oops extends Error {
  override readonly name = 'Oops';
}

/** The object behind a pointer that C would follow unchecked; `pointer` names it, as in `group->container`. */
export function deref<T>(object: T | undefined, pointer: string): T {
  if (object === undefined) throw new Oops(`${pointer} is followed and was never set`);
  return object;
}

/** An index that C would use unchecked: what lies outside of `array` is somebody else's memory. */
export function inBounds(index: number, length: number, array: string): number {
  if (index < 0 || index >= length) throw new Oops(`${array}[${index}] lies outside its ${length} elements`);
  return index;
}
