/**
 * A checksum over 32-bit big-endian words, in four independent lanes for speed: an image is mostly device memory, and each
 * is summed at both ends. Every step is reversible, so a change within
 * one word always shows. It finds accidents, not attackers: an image's author can always compute it, so nothing that
 * matters may rest on it.
 */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = from + ((to - from) & ~15);
  let a = 0x243f6a88;
  let b = to - from;
  let c = 0x13198a2e;
  let d = 0x03707344;
  for (let at = from; at < whole; at += 16) {
    a = step(a, view.getUint32(at));
    b = step(b, view.getUint32(at + 4));
    c = step(c, view.getUint32(at + 8));
    d = step(d, view.getUint32(at + 12));
  }
  for (let at = whole; at < to; at++) a = step(a, bytes[at]!);
  return step(step(step(d, c), b), a) >>> 0;
}

function step(sum: number, word: number): number {
  const mixed = Math.imul(sum ^ word, 0x9e3779b1);
  return (mixed << 13) | (mixed >>> 19);
}
