/** A format of fixed layout from its declaration: encoder, checks, documentation, generator and mutator. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import {
  type CheckedValues,
  FIELD_WIDTH,
  type FieldDeclaration,
  type Fields,
  type FieldValues,
  fieldsSize,
  readField,
  writeField,
} from './field.ts';
import type { Choose, FormatRow, MigrationFormat, Mutation, StreamFault } from './format.ts';
import { type Blocks, type CheckedSection, type LayoutDefinition, safeguardsOfFields } from './layout-declaration.ts';
import {
  describeLayoutFault,
  faultInLayout,
  LAYOUT_FAULTS,
  type LayoutPlan,
  mutateLayout,
} from './layout-mutations.ts';
import { join } from './record-stream.ts';
import type { AnySafeguard } from './safeguard.ts';
import { fromUser } from './untrusted.ts';

export class LayoutFormat<H extends Fields, S extends Fields, B extends Blocks> implements MigrationFormat {
  readonly definition: LayoutDefinition<H, S, B>;
  /** Bytes of the header, and of one section behind it. */
  readonly headerSize: number;
  readonly sectionSize: number;
  readonly rows: readonly FormatRow[];
  readonly safeguards: readonly AnySafeguard[];
  readonly faults = LAYOUT_FAULTS;

  constructor(definition: LayoutDefinition<H, S, B>) {
    this.definition = definition;
    this.headerSize = fieldsSize(definition.header);
    this.sectionSize = definition.section.size;
    this.rows = rowsOf(definition as unknown as LayoutDefinition<Fields, Fields, Blocks>);
    const { header, count, section } = definition;
    const all = safeguardsOfFields(header, section.fields);
    this.safeguards = count === undefined ? all : [...all, count as unknown as AnySafeguard];
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

  /** Bytes of a whole stream. */
  size(sections: number): number {
    return this.headerSize + sections * this.sectionSize;
  }

  /** The bytes of section `index` in a stream. */
  part(stream: Uint8Array, index: number): Uint8Array {
    return stream.subarray(this.size(index), this.size(index + 1));
  }

  putHeader(into: Uint8Array, values: FieldValues<H>): void {
    putFields(into, this.definition.header, values, this.definition.littleEndian);
  }

  putSection(into: Uint8Array, values: FieldValues<S>, blocks: { readonly [N in keyof B]: Uint8Array }): void {
    const { section, littleEndian } = this.definition;
    putFields(into, section.fields, values, littleEndian);
    for (const [name, { offset }] of Object.entries(section.blocks)) into.set(blocks[name]!, offset);
  }

  /** The header of a user's stream, or the negated errno of the first check it fails. */
  checkHeader(stream: Uint8Array): CheckedValues<H> | number {
    return checked(stream, this.definition.header, this.definition.littleEndian);
  }

  /** A section of a user's stream, or the negated errno of the first check it fails. */
  checkSection(bytes: Uint8Array): CheckedSection<S, B> | number {
    const { section, littleEndian } = this.definition;
    const fields = checked(bytes, section.fields, littleEndian);
    if (typeof fields === 'number') return fields;
    const blocks = Object.entries(section.blocks).map(([name, { offset, length }]) => [
      name,
      fromUser(bytes.subarray(offset, offset + length)),
    ]);
    return { fields, blocks: Object.fromEntries(blocks) as CheckedSection<S, B>['blocks'] };
  }

  generate(choose: Choose): Uint8Array {
    const { header, section, countField, littleEndian } = this.definition;
    const head = zeroedBytes(this.headerSize);
    putFields(head, header, examples(header, choose), littleEndian);
    const count = Number(readField(viewOf(head), 0, header[countField]!, littleEndian));
    const sections = Array.from({ length: count }, () => {
      const bytes = zeroedBytes(this.sectionSize);
      putFields(bytes, section.fields, examples(section.fields, choose), littleEndian);
      for (const { offset, length } of Object.values(section.blocks)) bytes.fill(choose(256), offset, offset + length);
      return bytes;
    });
    return join([head, ...sections]);
  }

  mutate(stream: Uint8Array, choose: Choose): Mutation {
    return mutateLayout(this.plan, stream, choose);
  }

  mutations(stream: Uint8Array, choose: Choose): Uint8Array {
    return this.mutate(stream, choose).bytes;
  }

  withFault(stream: Uint8Array, fault: StreamFault): Uint8Array {
    return faultInLayout(this.plan, stream, fault);
  }

  describeFault(fault: StreamFault): string {
    return describeLayoutFault(this.plan, fault);
  }

  private get plan(): LayoutPlan {
    const { headerSize, sectionSize } = this;
    const { header, section, littleEndian } = this.definition;
    return { headerSize, sectionSize, header, fields: section.fields, littleEndian };
  }
}

/** Declares a format of fixed layout. */
export function layoutFormat<const H extends Fields, const S extends Fields, const B extends Blocks>(
  definition: LayoutDefinition<H, S, B>,
): LayoutFormat<H, S, B> {
  return new LayoutFormat(definition);
}

function putFields(into: Uint8Array, fields: Fields, values: object, little: boolean): void {
  const view = viewOf(into);
  for (const [name, field] of Object.entries(fields))
    writeField(view, 0, field, (values as Record<string, number | bigint>)[name]!, little);
}

function checked<F extends Fields>(bytes: Uint8Array, fields: F, little: boolean): CheckedValues<F> | number {
  const view = viewOf(bytes);
  const values: Record<string, number | bigint> = {};
  for (const [name, field] of Object.entries<FieldDeclaration>(fields)) {
    const value = readField(view, 0, field, little);
    const broken = field.safeguards?.find((guard) => !guard.holds(value, undefined));
    if (broken !== undefined && field.otherwise === undefined) return -broken.errno;
    values[name] = broken === undefined ? value : field.otherwise!;
  }
  return values as unknown as CheckedValues<F>;
}

function examples(fields: Fields, choose: Choose): Record<string, number | bigint> {
  const pick = ({ values = [0] }: FieldDeclaration): number | bigint => values[choose(values.length)]!;
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, pick(field)]));
}

function rowsOf({ header, countField, count, section }: LayoutDefinition<Fields, Fields, Blocks>): FormatRow[] {
  const fieldRow = (part: string, [name, field]: [string, FieldDeclaration]): FormatRow => {
    const { offset, meaning, producer, userVisible, constraint, safeguards = [] } = field;
    return {
      part,
      offset,
      size: FIELD_WIDTH[field.type],
      name,
      meaning,
      producer,
      userVisible,
      constraint,
      safeguards,
    };
  };
  const blockRows = Object.entries(section.blocks).map(([name, { length, ...block }]): FormatRow => {
    return { part: section.name, size: length, name, ...block, safeguards: [] };
  });
  const sectionRows = [...Object.entries(section.fields).map((entry) => fieldRow(section.name, entry)), ...blockRows];
  sectionRows.sort((a, b) => a.offset! - b.offset!);
  const headerRows = Object.entries(header).map((entry) => fieldRow('header', entry));
  const counted = headerRows.map((row) =>
    row.name === countField && count !== undefined
      ? { ...row, safeguards: [...row.safeguards, count as unknown as AnySafeguard] }
      : row,
  );
  return [...counted, ...sectionRows];
}
