/**
 * Whether a stream breaks a safeguard that its format declares, found by walking the declaration: a second reader, so that a
 * driver that does not look where it says it looks has something to answer to. The safeguards are those that were declared
 * when the lab was loaded.
 */
import { viewOf } from '../../kernel/bytes.ts';
import { type FieldDeclaration, type Fields, fieldsSize, readField } from '../../variant/field.ts';
import type { MigrationFormat } from '../../variant/format.ts';
import type { LayoutDefinition } from '../../variant/layout-declaration.ts';
import type { RecordFormatDefinition, Records } from '../../variant/record-declaration.ts';
import type { AnySafeguard } from '../../variant/safeguard.ts';

type Holds = AnySafeguard['holds'];
type RecordDefinition = RecordFormatDefinition<Fields, Records>;
type Definition = RecordDefinition | LayoutDefinition<Fields, Fields, Record<string, never>>;

/** Finds the first safeguard that a stream breaks and is to be refused for. */
export class StreamReference {
  private readonly definition: Definition | undefined;
  private readonly declared = new Map<AnySafeguard, Holds>();

  constructor(format: MigrationFormat) {
    this.definition = (format as { readonly definition?: Definition }).definition;
    for (const guard of format.safeguards) this.declared.set(guard, guard.holds);
  }

  /** The safeguard; undefined: the stream breaks none, or ends before it could. */
  broken(stream: Uint8Array): AnySafeguard | undefined {
    const { definition } = this;
    if (definition === undefined) return undefined;
    return 'records' in definition ? this.brokenInRecords(definition, stream) : this.brokenInHeader(definition, stream);
  }

  /** The check of the number of sections, if a stream of fixed layout that is all there says another number than it has. */
  miscounted(stream: Uint8Array): AnySafeguard | undefined {
    const { definition } = this;
    if (definition === undefined || 'records' in definition || definition.count === undefined) return undefined;
    const { header, countField, count, section, littleEndian } = definition;
    const size = fieldsSize(header);
    if (stream.length < size) return undefined;
    const announced = readField(viewOf(stream), 0, header[countField]!, littleEndian);
    const guard = count as unknown as AnySafeguard;
    const holds = this.declared.get(guard) ?? guard.holds;
    return holds(Number(announced), Math.floor((stream.length - size) / section.size)) ? undefined : guard;
  }

  private brokenInHeader({ header, littleEndian }: Definition, stream: Uint8Array): AnySafeguard | undefined {
    return stream.length < fieldsSize(header) ? undefined : this.brokenField(viewOf(stream), 0, header, littleEndian);
  }

  private brokenInRecords(definition: RecordDefinition, stream: Uint8Array): AnySafeguard | undefined {
    const { header, littleEndian, lengthField, tagField } = definition;
    const size = fieldsSize(header);
    const view = viewOf(stream);
    for (let at = 0; at + size <= stream.length; ) {
      const values = Object.fromEntries(
        Object.entries(header).map(([name, field]) => [name, readField(view, at, field, littleEndian)]),
      );
      const whole = definition.headerSafeguards as readonly unknown[] as readonly AnySafeguard[];
      const bad = this.brokenField(view, at, header, littleEndian) ?? this.first(whole, values);
      if (bad !== undefined) return bad;
      const length = Number(values[lengthField]);
      const record = Object.values(definition.records).find(({ tag }) => tag === Number(values[tagField]));
      const { payload } = record ?? {};
      if (payload?.kind === 'fields') {
        const short = this.first([payload.complete as unknown as AnySafeguard], BigInt(length));
        if (short !== undefined) return short;
        if (at + size + length > stream.length) return undefined;
        const field = this.brokenField(view, at + size, payload.fields, littleEndian);
        if (field !== undefined) return field;
      }
      at += size + length;
    }
    return undefined;
  }

  private brokenField(view: DataView, at: number, fields: Fields, little: boolean): AnySafeguard | undefined {
    for (const field of Object.values<FieldDeclaration>(fields)) {
      if (field.otherwise !== undefined) continue;
      const bad = this.first(field.safeguards ?? [], readField(view, at, field, little));
      if (bad !== undefined) return bad;
    }
    return undefined;
  }

  private first(guards: readonly AnySafeguard[], value: unknown): AnySafeguard | undefined {
    return guards.find((guard) => !(this.declared.get(guard) ?? guard.holds)(value, undefined));
  }
}
