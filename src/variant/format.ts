/**
 * What every migration format offers, however it is laid out: documentation for reviewers, a generator of valid streams,
 * a structure-aware mutator, and its safeguards. Formats made of records are in record-format.ts.
 */
import type { AnySafeguard } from './safeguard.ts';

/** Picks an index below `n` (n ≥ 1). All choices of a generator or mutator come from here: no randomness inside. */
export type Choose = (n: number) => number;

/** One row of the documentation table. */
export interface FormatRow {
  /** `header`, or the record or section the field belongs to. */
  readonly part: string;
  /** Bytes from the start of the part; undefined for what follows the fields. */
  readonly offset: number | undefined;
  /** Bytes; a word for what has no fixed size. */
  readonly size: number | string;
  readonly name: string;
  readonly meaning: string;
  readonly producer: string;
  readonly userVisible: string | false;
  readonly constraint: string;
  readonly safeguards: readonly AnySafeguard[];
}

/** A changed stream, and what was done to it. */
export interface Mutation {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/**
 * One change of a stream, as numbers: its kind, which part it is about, the place in that part, and what is put there.
 * Each number is taken modulo what there is, so that every fault fits every stream.
 */
export interface StreamFault {
  /** An index of {@link MigrationFormat.faults}. */
  readonly kind: number;
  readonly part: number;
  readonly place: number;
  readonly value: number;
}

/** A migration format, declared once. */
export interface MigrationFormat {
  readonly name: string;
  /** How the stream is composed, in words. */
  readonly summary: string;
  /** What decides whether a stream of another version is accepted. */
  readonly compatibility: string;
  /** Order rules of parts, one sentence each. */
  readonly order: readonly string[];
  readonly rows: readonly FormatRow[];
  readonly safeguards: readonly AnySafeguard[];
  /** Bytes of the header of a record, or of the whole stream. */
  readonly headerSize: number;
  /** The kinds of faults, by number; numbers keep their meaning. */
  readonly faults: readonly string[];
  /** A well-formed stream. */
  generate(choose: Choose): Uint8Array;
  /** One structure-aware change of `stream`; the input is left alone. */
  mutate(stream: Uint8Array, choose: Choose): Mutation;
  /** As {@link mutate}, the bytes only. */
  mutations(stream: Uint8Array, choose: Choose): Uint8Array;
  /** `stream` with one fault; the input is left alone. */
  withFault(stream: Uint8Array, fault: StreamFault): Uint8Array;
  /** A fault in words, e.g. `bend a header field: record_size of part 2 becomes 0xffffffff`. */
  describeFault(fault: StreamFault): string;
}

/** The choices that a fault stands for, in the order in which a mutator asks for them. */
export function choicesOf({ part, place, value }: StreamFault): Choose {
  const numbers = [part, place, value];
  let asked = 0;
  return (n) => (numbers[asked++] ?? 0) % n;
}
