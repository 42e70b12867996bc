/**
 * Two running sums over 32-bit big-endian words (the idea of Fletcher's checksum): finds accidents, not attackers. An
 * image's author can always compute it, so nothing that matters may rest on it.
 */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = from + ((to - from) & ~3);
  let first = 1;
  let second = 0;
  for (let at = from; at < whole; at += 4) {
    first = (first + view.getUint32(at)) | 0;
    second = (second + first) | 0;
  }
  for (let at = whole; at < to; at++) {
    first = (first + bytes[at]!) | 0;
    second = (second + first) | 0;
  }
  return (Math.imul(second, 0x9e3779b1) ^ first ^ (to - from)) >>> 0;
}
