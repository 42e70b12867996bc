/** The bytes that stand for a secret: the same for the same secret, and unlike those of another. */
import { Random } from '../random.ts';

/** Bytes of secret in each page, register and window. */
const SECRET_BYTES = 128;
const secrets = new Map<number, Uint8Array>();

export function secretBytes(secret: number): Uint8Array {
  let bytes = secrets.get(secret);
  if (bytes === undefined) {
    const random = new Random(secret);
    bytes = Uint8Array.from({ length: SECRET_BYTES }, () => random.bits() & 0xff);
    secrets.set(secret, bytes);
  }
  return bytes;
}
