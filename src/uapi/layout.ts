/**
 * C struct layouts of the x86-64 ABI as data: a field's offset and a struct's size follow from the field types, so the
 * tables in this folder read like the headers and a test can hold them against what a compiler measured.
 */

/** Size and natural alignment, in bytes, of each scalar type a field can have. */
export const SCALAR = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 } as const;
/** A scalar type name. */
export type Scalar = keyof typeof SCALAR;
/** A field's type: a scalar, or an array of `count` scalars. */
export type FieldType = Scalar | readonly [Scalar, number];

/** One field of a layout; offset and size in bytes. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: Scalar;
  readonly count: number;
}

/** A struct: its C name, size in bytes, and the byte offset of each field under `at`. */
export interface Layout<Names extends string = string> {
  readonly name: string;
  readonly size: number;
  readonly at: Readonly<Record<Names, number>>;
  readonly fields: readonly Field[];
}

/**
 * Lays the fields out as a C compiler does on x86-64: each aligned to its own size, the struct padded to the largest
 * alignment (`__aligned_u64` fields are 8-aligned there, as plain u64 is).
 */
export function layout<const F extends Record<string, FieldType>>(name: string, fields: F): Layout<keyof F & string> {
  const at: Record<string, number> = {};
  const list: Field[] = [];
  let end = 0;
  let align = 1;
  for (const [field, spec] of Object.entries(fields)) {
    const [type, count] = typeof spec === 'string' ? [spec, 1] : spec;
    const width = SCALAR[type];
    end = Math.ceil(end / width) * width;
    align = Math.max(align, width);
    at[field] = end;
    list.push({ name: field, offset: end, size: width * count, type, count });
    end += width * count;
  }
  return { name, size: Math.ceil(end / align) * align, at: at as Record<keyof F & string, number>, fields: list };
}
