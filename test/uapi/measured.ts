/** What a compiler measured of the headers of Linux 7.3 on x86-64: every constant, and every struct field by field. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A field as measured. A flexible array has size 0; a struct within has fields of its own. */
export interface MeasuredField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly fields?: readonly MeasuredField[];
}

export interface MeasuredStruct {
  readonly size: number;
  readonly fields: readonly MeasuredField[];
}

/** The headers there are measurements of. */
export type Header = 'linux/vfio.h' | 'linux/iommufd.h' | 'linux/pci_regs.h' | 'linux/virtio_pci.h';

interface Measured {
  readonly constants: Readonly<Record<Header, Readonly<Record<string, number | string>>>>;
  readonly structs: Readonly<Partial<Record<Header, Readonly<Record<string, MeasuredStruct>>>>>;
}

const text = readFileSync(resolve(import.meta.dirname, 'linux-7.3-uapi.json'), 'utf8');
// Masks of 64 bits would be rounded as numbers.
const measured = JSON.parse(text.replace(/: (\d{16,})/g, ': "$1"')) as Measured;

/** The value as 64 bits, or undefined if the header has no such constant. */
export function measuredConstant(header: Header, name: string): bigint | undefined {
  const value = measured.constants[header][name];
  return value === undefined ? undefined : BigInt(value);
}

/** Structs by name. */
export function measuredStructs(header: Header): Readonly<Record<string, MeasuredStruct>> {
  return measured.structs[header] ?? {};
}
