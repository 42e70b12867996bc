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
  /** A well-formed stream. */
  generate(choose: Choose): Uint8Array;
  /** One structure-aware change of `stream`; the input is left alone. */
  mutate(stream: Uint8Array, choose: Choose): Mutation;
  /** As {@link mutate}, the bytes only. */
  mutations(stream: Uint8Array, choose: Choose): Uint8Array;
}
