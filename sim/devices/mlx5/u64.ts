/** 64-bit fields as numbers. A value of 2^53 or more comes back inexact but never below 2^53, so it can be refused. */

/** Big-endian unless `little`. */
export function getU64(view: DataView, at: number, little = false): number {
  const high = view.getUint32(little ? at + 4 : at, little);
  const low = view.getUint32(little ? at : at + 4, little);
  return high * 0x1_0000_0000 + low;
}

/** `value` must be a whole number below 2^53. */
export function setU64(view: DataView, at: number, value: number, little = false): void {
  view.setUint32(little ? at + 4 : at, Math.floor(value / 0x1_0000_0000), little);
  view.setUint32(little ? at : at + 4, value >>> 0, little);
}

/** Can [start, start + length) be addressed at all? */
export function addressable(start: number, length: number): boolean {
  return start + length < 0x20_0000_0000_0000;
}
