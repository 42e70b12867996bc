/** The declaration of a stream with a fixed layout: a header, then as many sections of one kind as the header says. */
import type { CheckedValues, FieldDeclaration, Fields } from './field.ts';
import type { AnySafeguard, Safeguard } from './safeguard.ts';
import type { Untrusted } from './untrusted.ts';

/** Bytes of a section that are no number: a buffer, a register file. */
export interface BlockDeclaration
  extends Pick<FieldDeclaration, 'meaning' | 'producer' | 'userVisible' | 'constraint'> {
  readonly offset: number;
  readonly length: number;
}

/** The blocks of a section by name. */
export type Blocks = Readonly<Record<string, BlockDeclaration>>;

/** What repeats behind the header. */
export interface SectionDeclaration<S extends Fields, B extends Blocks> {
  /** What one of them stands for, e.g. `port`. */
  readonly name: string;
  /** Bytes of one; what no field or block covers is zero. */
  readonly size: number;
  readonly fields: S;
  readonly blocks: B;
}

/** What an author declares. */
export interface LayoutDefinition<H extends Fields, S extends Fields, B extends Blocks> {
  readonly name: string;
  readonly summary: string;
  readonly compatibility: string;
  readonly order: readonly string[];
  readonly littleEndian: boolean;
  readonly header: H;
  /** The header field that holds the number of sections. */
  readonly countField: keyof H & string;
  /** The check of that number: how many sections there are is not the stream's to say. */
  readonly count?: Safeguard<number, number>;
  readonly section: SectionDeclaration<S, B>;
}

/** A section taken apart: its fields passed their checks, its blocks are whatever the user sent. */
export interface CheckedSection<S extends Fields, B extends Blocks> {
  readonly fields: CheckedValues<S>;
  readonly blocks: { readonly [N in keyof B]: Untrusted<Uint8Array> };
}

/** All safeguards of a table of fields, each once, in the order they are met. */
export function safeguardsOfFields(...tables: readonly Fields[]): AnySafeguard[] {
  const all = tables.flatMap((fields) => Object.values(fields).flatMap(({ safeguards }) => safeguards ?? []));
  return [...new Set(all)];
}
