/** Fields of a migration stream as data: where they lie, what they mean, who fills them, and what guards them. */
import type { AnySafeguard } from './safeguard.ts';
import type { Untrusted } from './untrusted.ts';

/** Width in bytes of each field type. */
export const FIELD_WIDTH = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;
/** An unsigned integer, by its width in bits. */
export type FieldType = keyof typeof FIELD_WIDTH;
/** What a field of a type decodes to: 64-bit values stay exact. */
export type FieldValue<T extends FieldType> = T extends 'u64' ? bigint : number;

/** One field. Offsets in bytes from the start of its table. */
export interface FieldDeclaration {
  readonly offset: number;
  readonly type: FieldType;
  readonly meaning: string;
  /** Who fills it on the source: the driver, or which part of the device. */
  readonly producer: string;
  /** How a user could see this value through vfio-pci anyway; false if there is no other way. */
  readonly userVisible: string | false;
  /** What a reader demands of it, in words. */
  readonly constraint: string;
  /** Checks of the value, in order; the first that fails answers. */
  readonly safeguards?: readonly AnySafeguard[];
  /** What the value counts as when a check fails, for fields that are corrected and not refused. */
  readonly otherwise?: number | bigint;
  /** Typical valid values, which a generator picks from and a mutator steps around. */
  readonly values?: readonly (number | bigint)[];
}

/** A table of fields by name. */
export type Fields = Readonly<Record<string, FieldDeclaration>>;
/** The values of a table as they lie in the stream. */
export type FieldValues<F extends Fields> = { readonly [N in keyof F]: FieldValue<F[N]['type']> };
/** The decoded values of a table: a field without a safeguard stays untrusted. */
export type CheckedValues<F extends Fields> = {
  readonly [N in keyof F]: F[N] extends { readonly safeguards: readonly [unknown, ...unknown[]] }
    ? FieldValue<F[N]['type']>
    : Untrusted<FieldValue<F[N]['type']>>;
};

/** Bytes a table covers. */
export function fieldsSize(fields: Fields): number {
  return Math.max(0, ...Object.values(fields).map((field) => field.offset + FIELD_WIDTH[field.type]));
}

/** Reads one field; `at` is where its table starts. */
export function readField(view: DataView, at: number, field: FieldDeclaration, little: boolean): number | bigint {
  const offset = at + field.offset;
  switch (field.type) {
    case 'u8':
      return view.getUint8(offset);
    case 'u16':
      return view.getUint16(offset, little);
    case 'u32':
      return view.getUint32(offset, little);
    case 'u64':
      return view.getBigUint64(offset, little);
  }
}

/** Writes one field; values are cut to its width. */
export function writeField(
  view: DataView,
  at: number,
  field: FieldDeclaration,
  value: number | bigint,
  little: boolean,
): void {
  const offset = at + field.offset;
  switch (field.type) {
    case 'u8':
      view.setUint8(offset, Number(value));
      return;
    case 'u16':
      view.setUint16(offset, Number(value), little);
      return;
    case 'u32':
      view.setUint32(offset, Number(value), little);
      return;
    case 'u64':
      view.setBigUint64(offset, BigInt(value), little);
      return;
  }
}

/** Values at the edges of a field's range and around its typical values: what a mutator replaces it by. */
export function boundaryValues(field: FieldDeclaration): bigint[] {
  const bits = BigInt(8 * FIELD_WIDTH[field.type]);
  const top = (1n << bits) - 1n;
  const list = [0n, 1n, top, top - 1n, 1n << (bits - 1n), (1n << (bits - 1n)) - 1n];
  if (bits === 64n) list.push(0x7fff_ffffn, 0xffff_ffffn, 0x1_0000_0000n, 0x20_0000_0000_0001n);
  for (const value of field.values ?? []) list.push(BigInt(value), BigInt(value) + 1n, BigInt(value) - 1n);
  return [...new Set(list.map((value) => BigInt.asUintN(Number(bits), value)))];
}
