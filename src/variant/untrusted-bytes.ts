/** Bytes a user supplied: they can be measured, cut and stored, and stay untrusted; only their numbers can be checked. */
import type { Untrusted } from './untrusted.ts';

/** Somewhere bytes can be kept: a DMA buffer is one. Whoever reads them back has untrusted bytes again. */
export interface ByteSink {
  write(offset: number, bytes: Uint8Array): void;
}

function raw(bytes: Untrusted<Uint8Array>): Uint8Array {
  return bytes as unknown as Uint8Array;
}

/** How many bytes there are. A count of bytes in hand is a fact about the kernel's own copy, not a claim of the user. */
export function byteLength(bytes: Untrusted<Uint8Array>): number {
  return raw(bytes).length;
}

/** A view of bytes [from, to); nothing is copied. */
export function cut(bytes: Untrusted<Uint8Array>, from: number, to: number): Untrusted<Uint8Array> {
  return raw(bytes).subarray(from, to) as unknown as Untrusted<Uint8Array>;
}

/** Copies the bytes into `sink`, which from then on holds untrusted bytes. */
export function store(bytes: Untrusted<Uint8Array>, sink: ByteSink, offset: number): void {
  sink.write(offset, raw(bytes));
}
