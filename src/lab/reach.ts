/** What objects hold: by their fields, elements and entries. */

export type Fields = Record<string, unknown>;

/** Everything that can be reached from an object, itself first. */
export function reach(root: object): Set<object> {
  const seen = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) continue;
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) open.push(value[i]);
    else {
      if (value instanceof Map) for (const [key, item] of value) open.push(key, item);
      else if (value instanceof Set) for (const item of value) open.push(item);
      for (const name of fieldsOf(value as Fields)) open.push((value as Fields)[name]);
    }
  }
  return seen;
}

/** Objects made of a literal, or used as tables: they may have accessors. */
function isRecord(live: Fields): boolean {
  const prototype = Object.getPrototypeOf(live);
  return prototype === Object.prototype || prototype === null;
}

/** Names of the fields that can be written. Instances of classes have their accessors elsewhere. */
export function fieldsOf(live: Fields): string[] {
  const names = Object.keys(live);
  return isRecord(live) ? names.filter((name) => Object.getOwnPropertyDescriptor(live, name)!.writable) : names;
}
