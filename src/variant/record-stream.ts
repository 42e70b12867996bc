/** A record stream as a list of records, for generators and mutators: leniently split, exactly joined. */

import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Fields } from './field.ts';
import { readField } from './field.ts';
import type { Records } from './record-declaration.ts';
import type { DecoderPlan } from './record-decoder.ts';

/** Records as they lie in a stream, each with its header; `tail` is what does not make a whole record. */
export interface SplitStream {
  readonly records: Uint8Array[];
  readonly tail: Uint8Array;
}

/** Splits by the lengths the headers claim; a record that claims too much starts the tail. */
export function splitRecords<H extends Fields, K extends Records>(
  plan: DecoderPlan<H, K>,
  stream: Uint8Array,
): SplitStream {
  const view = viewOf(stream);
  const { littleEndian, header, lengthField } = plan.definition;
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + plan.headerSize <= stream.length) {
    const end = at + plan.headerSize + Number(readField(view, at, header[lengthField]!, littleEndian));
    if (end > stream.length) break;
    records.push(stream.subarray(at, end));
    at = end;
  }
  return { records, tail: stream.subarray(at) };
}

/** Concatenates. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = zeroedBytes(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
