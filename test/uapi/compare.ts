/** Holds a layout against a measured struct; what differs is said in words that name the field. */
import type { Field, Layout } from '../../src/uapi/layout.ts';
import type { MeasuredField, MeasuredStruct } from './measured.ts';

/** The name this project has for a scalar of the headers, e.g. `s32` for `__s32`; a pointer is a u64. */
function scalarOf(type: string): string {
  if (type.includes('*')) return 'u64';
  const [, sign, bits] = /^__(u|s|le|be|aligned_u)(\d+)/.exec(type) ?? [];
  return bits === undefined ? type : `${sign === 's' ? 's' : 'u'}${bits}`;
}

/** Every difference between the two; none if user space could take one for the other. */
export function layoutDifferences(layout: Layout, struct: MeasuredStruct, path = layout.name): string[] {
  const differences: string[] = [];
  if (layout.size !== struct.size) differences.push(`${path}: size ${layout.size}, and ${struct.size} in the header`);
  for (const field of layout.fields) {
    const header = struct.fields.find(({ name }) => name === field.name);
    if (header === undefined) differences.push(`${path}.${field.name}: no such field in the header`);
    else differences.push(...fieldDifferences(field, header, `${path}.${field.name}`));
  }
  for (const { name, offset, size } of struct.fields) {
    // Flexible arrays have no bytes, and of a union one member is enough.
    if (size > 0 && !layout.fields.some((field) => field.offset === offset && field.size === size))
      differences.push(`${path}.${name}: bytes ${offset} to ${offset + size - 1} of the header are not laid out`);
  }
  return differences;
}

function fieldDifferences(field: Field, header: MeasuredField, path: string): string[] {
  const differences: string[] = [];
  for (const what of ['offset', 'size'] as const)
    if (field[what] !== header[what])
      differences.push(`${path}: ${what} ${field[what]}, and ${header[what]} in the header`);
  if (typeof field.type !== 'string') {
    if (header.type !== `struct ${field.type.name}`)
      differences.push(`${path}: a struct ${field.type.name}, and ${header.type} in the header`);
    else differences.push(...layoutDifferences(field.type, { size: header.size, fields: header.fields ?? [] }, path));
  } else if (field.type !== scalarOf(header.type))
    differences.push(`${path}: a ${field.type}, and ${header.type} in the header`);
  return differences;
}

/** Whether a number of this project is the measured one, as 64 bits. */
export function sameConstant(value: number, measured: bigint): boolean {
  return BigInt.asUintN(64, BigInt(value)) === BigInt.asUintN(64, measured);
}
