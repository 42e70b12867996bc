/**
 * C struct layouts of the x86-64 ABI as data: a field's offset and a struct's size follow from the field types, so the
 * tables in this folder read like the headers and a test can hold them against what a compiler measured.
 */

/** Size and natural alignment, in bytes, of each scalar type a field can have. */
export const SCALAR = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 } as const;
/** A scalar type name. */
export type Scalar = keyof typeof SCALAR;
/** A field's type: a scalar, an array of `count` scalars, or a struct within the struct. */
export type FieldType = Scalar | readonly [Scalar, number] | Layout;

/** One field of a layout; offset and size in bytes. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: Scalar | Layout;
  readonly count: number;
}

/** A struct: its C name, size and alignment in bytes, and the byte offset of each field under `at`. */
export interface Layout<Names extends string = string> {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly at: Readonly<Record<Names, number>>;
  readonly fields: readonly Field[];
}

/** Size of one element, how many there are, and the alignment. */
function measured(spec: FieldType): { type: Scalar | Layout; width: number; count: number; align: number } {
  if (typeof spec === 'object' && 'fields' in spec)
    return { type: spec, width: spec.size, count: 1, align: spec.align };
  const [type, count] = typeof spec === 'string' ? ([spec, 1] as const) : spec;
  return { type, width: SCALAR[type], count, align: SCALAR[type] };
}

/**
 * Lays the fields out as a C compiler does on x86-64: each aligned to its own type, the struct padded to the largest
 * alignment (`__aligned_u64` fields are 8-aligned there, as plain u64 is).
 */
export function layout<const F extends Record<string, FieldType>>(name: string, fields: F): Layout<keyof F & string> {
  const at: Record<string, number> = {};
  const list: Field[] = [];
  let end = 0;
  let align = 1;
  for (const [field, spec] of Object.entries(fields)) {
    const { type, width, count, align: own } = measured(spec);
    end = Math.ceil(end / own) * own;
    align = Math.max(align, own);
    at[field] = end;
    list.push({ name: field, offset: end, size: width * count, type, count });
    end += width * count;
  }
  const size = Math.ceil(end / align) * align;
  return { name, size, align, at: at as Record<keyof F & string, number>, fields: list };
}
