/**
 * A checksum over 32-bit big-endian words, in two independent lanes for speed. Every step is reversible, so a change within
 * one word always shows. It finds accidents, not attackers: an image's author can always compute it, so nothing that
 * matters may rest on it.
 */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pairs = from + ((to - from) & ~7);
  let even = 0x243f6a88;
  let odd = to - from;
  for (let at = from; at < pairs; at += 8) {
    even = step(even, view.getUint32(at));
    odd = step(odd, view.getUint32(at + 4));
  }
  for (let at = pairs; at < to; at++) even = step(even, bytes[at]!);
  return step(odd, even) >>> 0;
}

function step(sum: number, word: number): number {
  const mixed = Math.imul(sum ^ word, 0x9e3779b1);
  return (mixed << 13) | (mixed >>> 19);
}
