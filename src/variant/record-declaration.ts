/** The declaration of a stream of records: a header of fixed size, then as many bytes as the header says. */
import type { Task } from '../kernel/sleep.ts';
import type { CheckedValues, FieldDeclaration, Fields, FieldValues } from './field.ts';
import type { Choose } from './format.ts';
import type { AnySafeguard, Safeguard } from './safeguard.ts';
import type { Untrusted } from './untrusted.ts';

/** Payload that the driver does not look into: the device is its checker. */
export interface OpaquePayload {
  readonly kind: 'opaque';
  readonly meaning: string;
  readonly producer: string;
  readonly userVisible: string | false;
  /** What the device demands of it. */
  readonly constraint: string;
  /** Makes a plausible payload for generated streams. */
  readonly example?: (choose: Choose) => Uint8Array;
}

/** Payload the driver decodes. Bytes behind the fields are counted and ignored. */
export interface FieldsPayload<F extends Fields = Fields> {
  readonly kind: 'fields';
  readonly fields: F;
  /** Refuses a record too short for its fields, so that nothing is read that was not written. */
  readonly complete: Safeguard<bigint>;
}

/** One kind of record. */
export interface RecordDeclaration {
  readonly tag: number;
  readonly summary: string;
  /** `optional`: a reader that does not know the tag skips the record. */
  readonly presence: 'mandatory' | 'optional';
  /** `first`: the writer puts it before all others. */
  readonly position: 'first' | 'any';
  /** How many a writer produces. */
  readonly count: readonly [least: number, most: number];
  readonly payload: OpaquePayload | FieldsPayload;
}

/** The kinds of record by name. */
export type Records = Readonly<Record<string, RecordDeclaration>>;

/** What an author declares. */
export interface RecordFormatDefinition<H extends Fields, K extends Records> {
  readonly name: string;
  readonly summary: string;
  readonly compatibility: string;
  readonly order: readonly string[];
  readonly littleEndian: boolean;
  readonly header: H;
  /** Header fields that hold the payload length and the record kind. */
  readonly lengthField: keyof H & string;
  readonly tagField: keyof H & string;
  /** The header bit that makes an unknown tag skippable. */
  readonly optionalFlag: { readonly field: keyof H & string; readonly mask: number };
  /** Checks of the header as a whole, after those of its fields. */
  readonly headerSafeguards: readonly Safeguard<FieldValues<H>>[];
  /** When a record without payload takes effect: with its header, or with the byte that follows it. */
  readonly emptyRecord: 'at-header' | 'at-next-byte';
  readonly records: K;
}

/** Work of a session for a record whose payload is opaque. Results are 0 or a negated errno. */
export interface OpaqueHandler<H> {
  /** The header passed all its checks. */
  begin(header: H): number;
  /** `offset`: bytes of this payload before these. */
  data(bytes: Untrusted<Uint8Array>, offset: number): number;
  /** The payload is complete. */
  end(header: H): number | Task<number>;
}

/** Work of a session for a record whose payload is fields; they passed all their checks. */
export interface FieldsHandler<H, F extends Fields> {
  begin?(header: H): number;
  end(fields: CheckedValues<F>, header: H): number | Task<number>;
}

/** One handler for each kind of record. `skip` hears of unknown optional ones. */
export type RecordHandlers<H extends Fields, K extends Records> = {
  readonly [N in keyof K]: K[N]['payload'] extends FieldsPayload<infer F>
    ? FieldsHandler<CheckedValues<H>, F>
    : OpaqueHandler<CheckedValues<H>>;
};

/** All safeguards of a definition, each once, in the order they are met. */
export function safeguardsOf(definition: RecordFormatDefinition<Fields, Records>): AnySafeguard[] {
  const found = new Set<AnySafeguard>();
  const fromFields = (fields: Fields): void => {
    for (const field of Object.values<FieldDeclaration>(fields))
      for (const guard of field.safeguards ?? []) found.add(guard);
  };
  fromFields(definition.header);
  for (const guard of definition.headerSafeguards) found.add(guard as AnySafeguard);
  for (const { payload } of Object.values(definition.records)) {
    if (payload.kind !== 'fields') continue;
    found.add(payload.complete as AnySafeguard);
    fromFields(payload.fields);
  }
  return [...found];
}
