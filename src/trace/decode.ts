/**
 * Decodes ioctl structs into named fields. A struct is a list of sections: the argument itself, and what stands behind
 * it, which depends on the request, on the direction, and on the bytes.
 */
import type { Layout, Scalar } from '../uapi/layout.ts';
import { boolean_byte, file_descriptor } from '../uapi/unnamed.ts';
import * as vfio from '../uapi/vfio.ts';
import { fromHex } from './bytes.ts';
import { CAPABILITY_LAYOUTS, FEATURE_LAYOUTS, layoutOf } from './decode-layouts.ts';
import type { HandleKind } from './handles.ts';
import { type Naming, namesOf, namingOf } from './value-names.ts';

/** Whether a struct is what a caller passes or what the kernel leaves. */
export type Direction = 'in' | 'out';

/** A struct at a place within the argument; its fields are named `prefix` + field. */
interface Section {
  readonly prefix: string;
  readonly offset: number;
  readonly layout: Layout;
  /** Under which struct its values are named, if not its own name. */
  readonly names?: string;
}

/** A named value of a struct; `offset` and `size` in bytes. */
export interface Decoded {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly value: string;
  /** Bytes that no field covers. */
  readonly raw?: true;
}

type Tail = (view: DataView, direction: Direction) => Section[];

/** Bytes of a capability's header. */
const HEADER = vfio.info_cap_header.size;

/** By struct and not by number: requests of containers and of devices share numbers. */
const TAILS: ReadonlyMap<Layout, Tail> = new Map<Layout, Tail>([
  [
    vfio.device_feature,
    (view) => {
      const payload = FEATURE_LAYOUTS[u32(view, 4) & vfio.FEATURE_FLAG.MASK];
      return payload === undefined ? [] : [{ prefix: 'data.', offset: vfio.device_feature.size, layout: payload }];
    },
  ],
  [
    vfio.irq_set,
    (view) => {
      const flags = u32(view, vfio.irq_set.at.flags);
      const element = (flags & vfio.IRQ_SET.DATA_EVENTFD) === 0 ? boolean_byte : file_descriptor;
      return (flags & vfio.IRQ_SET.DATA_NONE) === 0 ? array(view, vfio.irq_set.size, element) : [];
    },
  ],
  [vfio.pci_hot_reset, (view) => array(view, vfio.pci_hot_reset.size, file_descriptor)],
  [
    vfio.pci_hot_reset_info,
    (view, direction) => {
      const count = Math.min(u32(view, vfio.pci_hot_reset_info.at.count), 64);
      const all = array(view, vfio.pci_hot_reset_info.size, vfio.pci_dependent_device);
      return direction === 'in' ? [] : all.slice(0, count);
    },
  ],
  [
    vfio.region_info,
    (view, direction) => (direction === 'in' ? [] : chain(view, u32(view, vfio.region_info.at.cap_offset), 'region')),
  ],
  [
    vfio.device_info,
    (view, direction) => (direction === 'in' ? [] : chain(view, u32(view, vfio.device_info.at.cap_offset), 'device')),
  ],
  [
    vfio.iommu_type1_info,
    (view, direction) =>
      direction === 'in' ? [] : chain(view, u32(view, vfio.iommu_type1_info.at.cap_offset), 'iommu'),
  ],
  [
    vfio.iommu_type1_dma_unmap,
    (view) =>
      (u32(view, 4) & vfio.DMA_UNMAP_FLAG.GET_DIRTY_BITMAP) === 0
        ? []
        : [{ prefix: 'bitmap.', offset: vfio.iommu_type1_dma_unmap.size, layout: vfio.bitmap }],
  ],
  [
    vfio.iommu_type1_dirty_bitmap,
    (view) =>
      (u32(view, 4) & vfio.DIRTY_PAGES_FLAG.GET_BITMAP) === 0
        ? []
        : [{ prefix: '', offset: vfio.iommu_type1_dirty_bitmap.size, layout: vfio.iommu_type1_dirty_bitmap_get }],
  ],
]);

/** The named values of a struct given as a recording prints it; bytes that no field covers come as they are. */
export function decodeStruct(
  hex: string,
  kind: HandleKind | undefined,
  request: number,
  direction: Direction,
): Decoded[] {
  const bytes = fromHex(hex);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const main = layoutOf(kind, request);
  const sections: Section[] = main === undefined ? [] : [{ prefix: '', offset: 0, layout: main }];
  if (main !== undefined) sections.push(...(TAILS.get(main)?.(view, direction) ?? []));
  const decoded: Decoded[] = [];
  let covered = 0;
  const gap = (end: number): void => {
    if (end <= covered) return;
    const name = `bytes[0x${covered.toString(16)}..0x${(end - 1).toString(16)}]`;
    decoded.push({
      name,
      offset: covered,
      size: end - covered,
      value: shortened(hex.slice(covered * 2, end * 2)),
      raw: true,
    });
  };
  for (const { name, offset, size, type, count, naming } of sections.flatMap(leaves)) {
    if (offset + size > bytes.length || offset < covered) continue;
    gap(offset);
    const value = hex.slice(offset * 2, (offset + size) * 2);
    const shown = value.includes('*') ? '**' : count > 1 ? value : number(view, offset, size, type === 's32', naming);
    decoded.push({ name, offset, size, value: shown });
    covered = offset + size;
  }
  gap(bytes.length);
  return decoded;
}

/** A field that is no struct, with its name and place in the whole argument. */
interface Leaf {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: Scalar;
  readonly count: number;
  readonly naming: Naming | undefined;
}

/** The fields of a section, and those of the structs in it. */
function leaves({ prefix, offset: base, layout: struct, names = struct.name }: Section): Leaf[] {
  return struct.fields.flatMap(({ name, offset, size, type, count }) =>
    typeof type === 'string'
      ? { name: prefix + name, offset: base + offset, size, type, count, naming: namingOf(names, name) }
      : leaves({ prefix: `${prefix}${name}.`, offset: base + offset, layout: type }),
  );
}

/** Many bytes of one value are counted. */
function shortened(hex: string): string {
  const [first, count] = [hex.slice(0, 2), hex.length / 2];
  return count > 8 && hex === first.repeat(count) ? `${count} x ${first}` : hex;
}

/** Small numbers in decimal, others in hexadecimal, with their names in the header. */
function number(view: DataView, offset: number, size: number, signed: boolean, naming: Naming | undefined): string {
  if (signed) return String(view.getInt32(offset, true));
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(offset + i));
  const text = value < 10n ? String(value) : `0x${value.toString(16)}`;
  const names = naming === undefined ? undefined : namesOf(naming, Number(value));
  return names === undefined ? text : `${text} ${names}`;
}

/** As many elements as the bytes hold. */
function array(view: DataView, offset: number, element: Layout): Section[] {
  const count = Math.max(0, Math.floor((view.byteLength - offset) / element.size));
  return Array.from({ length: count }, (_, i) => ({
    prefix: `[${i}].`,
    offset: offset + i * element.size,
    layout: element,
  }));
}

/** The capability chain of an info ioctl; offsets count from the start of the struct. */
function chain(view: DataView, first: number, family: keyof typeof CAPABILITY_LAYOUTS): Section[] {
  const sections: Section[] = [];
  for (let at = first, i = 0; at !== 0 && at + HEADER <= view.byteLength && i < 16; i++) {
    const prefix = `cap[${i}].`;
    sections.push({ prefix, offset: at, layout: vfio.info_cap_header, names: family });
    const body = CAPABILITY_LAYOUTS[family][view.getUint16(at, true)];
    // Its own header stands in it once more; what is decoded already is passed over.
    if (body !== undefined) sections.push({ prefix, offset: at, layout: body });
    at = u32(view, at + vfio.info_cap_header.at.next);
  }
  return sections;
}

function u32(view: DataView, offset: number): number {
  return offset + 4 <= view.byteLength ? view.getUint32(offset, true) : 0;
}
