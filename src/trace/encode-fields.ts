/** Turns the fields of a step into the bytes of a struct. */
import { viewOf } from '../kernel/bytes.ts';
import { type ByteRange, fromHex } from './bytes.ts';
import type { FieldToken, FieldType } from './step.ts';
import type { Variables } from './variables.ts';

/** The bytes, and which of them depend on the run: descriptors, addresses and names. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly hidden: readonly ByteRange[];
}

/** Width in bytes of the fields that are one number. */
const WIDTH: Partial<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, fd: 4, ptr: 8 };

/** Encodes little-endian, without padding: the script writes every byte. */
export function encodeFields(fields: readonly FieldToken[], variables: Variables): Encoded {
  const parts = fields.map((field) => encode(field, variables));
  const hidden: ByteRange[] = [];
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (isHidden(fields[i]!) && part.length > 0) hidden.push({ start: at, end: at + part.length });
    at += part.length;
  }
  return { bytes: Buffer.concat(parts), hidden };
}

/** Names are hidden too, although they are the same in every run: the recorder did not tell them from addresses. */
function isHidden({ type, text }: FieldToken): boolean {
  return type === 'str' || ((type === 'fd' || type === 'ptr') && text.includes('$'));
}

function encode({ type, text }: FieldToken, variables: Variables): Uint8Array {
  if (type === 'hex') return fromHex(variables.expand(text));
  if (type === 'str') return Buffer.from(`${variables.expand(text)}\0`, 'latin1');
  if (type === 'pad') return new Uint8Array(Number(variables.number(text)));
  if (type === 'ff') return new Uint8Array(Number(variables.number(text))).fill(0xff);
  const value = type === 'fd' ? BigInt(variables.descriptor(text)) : variables.number(text);
  const whole = new Uint8Array(8);
  viewOf(whole).setBigUint64(0, BigInt.asUintN(64, value), true);
  return whole.subarray(0, WIDTH[type]!);
}
