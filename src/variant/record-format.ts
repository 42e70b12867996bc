/** A record format from its declaration: encoder, decoder, documentation, generator and mutator. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import { FIELD_WIDTH, type Fields, type FieldValues, fieldsSize, writeField } from './field.ts';
import type { Choose, FormatRow, MigrationFormat, Mutation, StreamFault } from './format.ts';
import {
  type FieldsPayload,
  type RecordFormatDefinition,
  type RecordHandlers,
  type Records,
  safeguardsOf,
} from './record-declaration.ts';
import { type DecoderPlan, planOf, RecordDecoder } from './record-decoder.ts';
import { describeRecordFault, faultInRecords, mutateRecords, RECORD_FAULTS } from './record-mutations.ts';
import { join, type SplitStream, splitRecords } from './record-stream.ts';
import type { AnySafeguard } from './safeguard.ts';

/** Longest payload a generated record gets when the declaration gives no example. */
const EXAMPLE_LENGTH = 64;

export class RecordFormat<H extends Fields, K extends Records> implements MigrationFormat {
  readonly definition: RecordFormatDefinition<H, K>;
  /** Bytes of a record header. */
  readonly headerSize: number;
  readonly rows: readonly FormatRow[];
  readonly safeguards: readonly AnySafeguard[];
  readonly faults = RECORD_FAULTS;
  private readonly plan: DecoderPlan<H, K>;

  constructor(definition: RecordFormatDefinition<H, K>) {
    this.definition = definition;
    this.plan = planOf(definition);
    this.headerSize = this.plan.headerSize;
    this.rows = rowsOf(definition);
    this.safeguards = safeguardsOf(definition as unknown as RecordFormatDefinition<Fields, Records>);
  }

  get name(): string {
    return this.definition.name;
  }
  get summary(): string {
    return this.definition.summary;
  }
  get compatibility(): string {
    return this.definition.compatibility;
  }
  get order(): readonly string[] {
    return this.definition.order;
  }

  /** The header of a record of `kind` with `length` payload bytes, the optional flag as declared. */
  header(kind: keyof K & string, length: number): Uint8Array {
    const { records, header, littleEndian, lengthField, tagField, optionalFlag } = this.definition;
    const record = records[kind]!;
    const bytes = zeroedBytes(this.headerSize);
    const view = viewOf(bytes);
    writeField(view, 0, header[lengthField]!, length, littleEndian);
    writeField(view, 0, header[tagField]!, record.tag, littleEndian);
    if (record.presence === 'optional')
      writeField(view, 0, header[optionalFlag.field]!, optionalFlag.mask, littleEndian);
    return bytes;
  }

  /** A whole record around a payload. */
  record(kind: keyof K & string, payload: Uint8Array): Uint8Array {
    return join([this.header(kind, payload.length), payload]);
  }

  /** A whole record of a kind whose payload is fields. */
  fieldRecord<N extends keyof K & string>(
    kind: N,
    values: K[N]['payload'] extends FieldsPayload<infer F> ? FieldValues<F> : never,
  ): Uint8Array {
    const { fields } = this.definition.records[kind]!.payload as FieldsPayload;
    const payload = zeroedBytes(fieldsSize(fields));
    const view = viewOf(payload);
    for (const [name, field] of Object.entries(fields))
      writeField(view, 0, field, (values as Record<string, number | bigint>)[name]!, this.definition.littleEndian);
    return this.record(kind, payload);
  }

  /** A decoder for one session. */
  decoder(handlers: RecordHandlers<H, K>): RecordDecoder<H, K> {
    return new RecordDecoder(this.plan, handlers);
  }

  /** The records of a stream, for readers of traces and for tests. */
  split(stream: Uint8Array): SplitStream {
    return splitRecords(this.plan, stream);
  }

  generate(choose: Choose): Uint8Array {
    const entries = Object.entries(this.definition.records);
    const ordered = [...entries].sort((a, b) => Number(b[1].position === 'first') - Number(a[1].position === 'first'));
    const parts: Uint8Array[] = [];
    for (const [kind, { count, payload }] of ordered) {
      const times = count[0] + choose(Math.min(count[1], count[0] + 2) - count[0] + 1);
      for (let i = 0; i < times; i++)
        parts.push(
          payload.kind === 'opaque'
            ? this.record(kind, example(payload, choose))
            : this.exampleFields(kind, payload, choose),
        );
    }
    return join(parts);
  }

  mutate(stream: Uint8Array, choose: Choose): Mutation {
    return mutateRecords(this.plan as unknown as DecoderPlan<Fields, Records>, stream, choose);
  }

  mutations(stream: Uint8Array, choose: Choose): Uint8Array {
    return this.mutate(stream, choose).bytes;
  }

  withFault(stream: Uint8Array, fault: StreamFault): Uint8Array {
    return faultInRecords(this.plan as unknown as DecoderPlan<Fields, Records>, stream, fault);
  }

  describeFault(fault: StreamFault): string {
    return describeRecordFault(this.plan as unknown as DecoderPlan<Fields, Records>, fault);
  }

  private exampleFields(kind: string, { fields }: FieldsPayload, choose: Choose): Uint8Array {
    const values = Object.entries(fields).map(([name, field]) => {
      const list = field.values ?? [0];
      return [name, list[choose(list.length)]!];
    });
    return this.fieldRecord(kind, Object.fromEntries(values) as never);
  }
}

/** Declares a record format. */
export function recordFormat<const H extends Fields, const K extends Records>(
  definition: RecordFormatDefinition<H, K>,
): RecordFormat<H, K> {
  return new RecordFormat(definition);
}

function example(payload: { example?: (choose: Choose) => Uint8Array }, choose: Choose): Uint8Array {
  if (payload.example !== undefined) return payload.example(choose);
  const bytes = zeroedBytes(1 + choose(EXAMPLE_LENGTH));
  bytes.fill(choose(256));
  return bytes;
}

function fieldRows(part: string, fields: Fields): FormatRow[] {
  return Object.entries(fields).map(([name, field]) => ({
    part,
    offset: field.offset,
    size: FIELD_WIDTH[field.type],
    name,
    meaning: field.meaning,
    producer: field.producer,
    userVisible: field.userVisible,
    constraint: field.constraint,
    safeguards: field.safeguards ?? [],
  }));
}

function rowsOf<H extends Fields, K extends Records>(definition: RecordFormatDefinition<H, K>): FormatRow[] {
  const whole = definition.headerSafeguards as readonly unknown[] as readonly AnySafeguard[];
  // Checks of the whole header stand with the field they are mostly about.
  const rows = fieldRows('header', definition.header).map((row) =>
    row.name === definition.tagField ? { ...row, safeguards: [...row.safeguards, ...whole] } : row,
  );
  for (const [kind, { payload }] of Object.entries(definition.records)) {
    if (payload.kind === 'fields') rows.push(...fieldRows(kind, payload.fields));
    else {
      const { meaning, producer, userVisible, constraint } = payload;
      const size = `as ${definition.lengthField} says`;
      rows.push({
        part: kind,
        offset: undefined,
        size,
        name: 'payload',
        meaning,
        producer,
        userVisible,
        constraint,
        safeguards: [],
      });
    }
  }
  return rows;
}
