/** Bytes as the recordings print them: lower-case hexadecimal, `**` for a byte that depends on the run. */

/** A half-open range of byte positions. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Prints bytes; those in `hidden` print as `**`. */
export function toHex(bytes: Uint8Array, hidden: readonly ByteRange[] = []): string {
  let hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  for (const { start, end } of hidden)
    hex = hex.slice(0, start * 2) + '*'.repeat((end - start) * 2) + hex.slice(end * 2);
  return hex;
}

/** The bytes of a hexadecimal text; a character that is not one, such as `*`, ends as 0. */
export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16) || 0;
  return bytes;
}

/** Whether both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
