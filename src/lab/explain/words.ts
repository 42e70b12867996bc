/** System calls in words: the request by its name in the header, the struct by its fields, the answer by its errno. */
import type { OpenFile } from '../../kernel/file.ts';
import { toHex } from '../../trace/bytes.ts';
import { type Decoded, type Direction, decodeStruct } from '../../trace/decode.ts';
import { layoutOf } from '../../trace/decode-layouts.ts';
import type { HandleKind } from '../../trace/handles.ts';
import { configPosition, placeOf } from '../../trace/place.ts';
import { registerAt } from '../../trace/registers.ts';
import { requestName } from '../../trace/requests.ts';
import { ARGUMENTS, namesOf } from '../../trace/value-names.ts';
import { errnoName } from '../../uapi/errno.ts';

/** What a file is to a reader. */
export function kindOf(file: OpenFile | undefined): HandleKind {
  const name = file?.name ?? '';
  if (name === '/dev/vfio/vfio') return 'container';
  if (name === '/dev/iommu') return 'iommufd';
  if (/^\/dev\/vfio\/(noiommu-)?\d+$/.test(name)) return 'group';
  if (name.startsWith('anon_inode:[vfio-device]') || name.startsWith('/dev/vfio/devices/')) return 'device';
  if (name.startsWith('anon_inode:[eventfd]')) return 'eventfd';
  return name.includes('mig') ? 'migration' : 'other';
}

const TITLES: Partial<Record<HandleKind, string>> = { migration: 'data file', other: 'a file' };

/** A kind of file by the name under which a line mentions it. */
export const titleOf = (kind: HandleKind): string => TITLES[kind] ?? kind;

/** Names are known by their last words; the prefixes of a header only take room. */
const PREFIXES =
  /\b(?:VFIO_DEVICE_FEATURE_|VFIO_DEVICE_STATE_|VFIO_DEVICE_FLAGS_|VFIO_IRQ_SET_|VFIO_IRQ_INFO_|VFIO_DMA_MAP_FLAG_|VFIO_DMA_UNMAP_FLAG_|VFIO_REGION_INFO_FLAG_|VFIO_IOMMU_INFO_|VFIO_MIGRATION_|VFIO_PRECOPY_INFO_|VFIO_PCI_|VFIO_)/g;
const brief = (name: string): string => name.replace(PREFIXES, '').replaceAll(/_(?:REGION|IRQ)_INDEX\b/g, '');

/** Fields that say nothing about what is wanted. */
const SILENT = /^(?:.*\.)?(?:argsz|pad|reserved|__reserved|cap_offset)$/;
/** Fields that only an answer fills. */
const ANSWERED = /^(?:data\.data_fd|iova_pgsizes|num_regions|num_irqs|cap_count)$/;

/** The request by name, without the VFIO_ in front. */
export function requestText(kind: HandleKind, request: number): string {
  return brief(requestName(kind, request) ?? `request 0x${request.toString(16)}`);
}

/** A plain argument by its name; undefined: the argument is an address, or nothing. */
export function argumentText(request: number, argument: number): string | undefined {
  const naming = ARGUMENTS[request];
  return naming && brief(namesOf(naming, argument) ?? String(argument));
}

/** Bytes that a request reads at its argument: as many as argsz says where there is one. */
export function argumentSize(kind: HandleKind, request: number, argsz: number): number {
  const layout = layoutOf(kind, request);
  if (layout === undefined) return 0;
  return layout.fields[0]?.name === 'argsz' ? Math.min(Math.max(argsz, 4), 1024) : layout.size;
}

/** The fields of a struct, those that matter. */
export function fieldsOf(bytes: Uint8Array, kind: HandleKind, request: number, direction: Direction): Decoded[] {
  return decodeStruct(toHex(bytes), kind, request, direction).filter(
    ({ name }) => !SILENT.test(name) && (direction === 'out' || !ANSWERED.test(name)),
  );
}

/** Fields that a line tells; a drawing is no place for a whole chain of capabilities. */
const TOLD = 6;

/** `SET|MIG_DEVICE_STATE { device_state: STOP_COPY }`: the flags say which call it is. */
export function structText(all: readonly Decoded[]): string {
  const fields = all.filter(({ raw, name, value }) => raw !== true && !name.startsWith('cap[') && !isNone(name, value));
  const flags = fields.find(({ name }) => name === 'flags');
  const rest = fields.filter((field) => field !== flags);
  const told = rest.slice(0, TOLD).map(({ name, value }) => `${name.replace(/^data\./, '')}: ${valueText(value)}`);
  const text = told.length === 0 ? '' : `{ ${told.join(', ')}${rest.length > TOLD ? ', ...' : ''} }`;
  return `${flags === undefined || flags.value === '0' ? '' : `${valueText(flags.value)} `}${text}`.trimEnd();
}

/** A data_fd of -1 is no file. */
const isNone = (name: string, value: string): boolean => name.endsWith('data_fd') && value === '-1';

/** A value that has a name is told by it. */
export function valueText(value: string): string {
  const space = value.indexOf(' ');
  return space > 0 && /^(?:0x[0-9a-f]+|\d+) [A-Z_]/.test(value) ? brief(value.slice(space + 1)) : value;
}

/** An answer: a count, 0, or an errno by its name. */
export const answerText = (result: number): string => (result < 0 ? `-${errnoName(result)}` : String(result));

/** Bytes shown in a line; more are counted. */
const SHOWN = 8;

/** The first few bytes, and how many there are. */
export function bytesText(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, SHOWN)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > SHOWN ? `${shown} ...` : shown;
}

/** A place in a device's file: the region, the position, and in configuration space the register. */
export function placeText(offset: number, config: Uint8Array | undefined): string {
  const position = configPosition(offset);
  if (position === undefined || position < 0 || position >= 4096) return placeOf(offset);
  const { name } = registerAt(config ?? new Uint8Array(4096), position);
  return name.startsWith('0x') ? placeOf(offset) : `${placeOf(offset)} ${name}`;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;
