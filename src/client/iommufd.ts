/** /dev/iommu and the devices bound to it, for programs: a thin, typed layer over the door. Errors stay negated errnos. */
import type { Process } from '../kernel/process.ts';
import { IOAS_MAP_FLAG, IOMMU, IOMMUFD_STRUCTS, iommu_iova_range } from '../uapi/iommufd.ts';
import type { Layout } from '../uapi/layout.ts';
import {
  BIND_FLAG,
  device_attach_iommufd_pt,
  device_bind_iommufd,
  device_detach_iommufd_pt,
  VFIO,
} from '../uapi/vfio.ts';
import { DeviceClient } from './device.ts';
import { Scratch } from './scratch.ts';

/** A number of up to 64 bits. */
export type Value = number | bigint;
export type IommufdCall = keyof typeof IOMMU;
/** First and last IOVA. */
export type IovaRange = readonly [start: bigint, last: bigint];

const { FIXED_IOVA, READABLE, WRITEABLE } = IOAS_MAP_FLAG;
const ALL = 0xffff_ffff_ffff_ffffn;
/** Where lists that an argument points to are in the scratch memory. */
const LIST_AT = 1024;
const LIST_ROOM = 512;

/** An open /dev/iommu. */
export class IommufdClient {
  readonly process: Process;
  readonly scratch: Scratch;
  readonly fd: number;
  private answer: DataView;

  /** `path` can be /dev/vfio/vfio where that is an iommufd. */
  constructor(process: Process, path = '/dev/iommu', scratch = new Scratch(process)) {
    this.process = process;
    this.scratch = scratch;
    this.fd = process.open(path);
    this.answer = new DataView(new ArrayBuffer(0));
  }

  /**
   * Any ioctl, by the names of its fields; those not named are 0, and `size` is the whole struct's unless given. What
   * comes back is read with {@link field}.
   */
  call(name: IommufdCall, fields: Readonly<Record<string, Value>>, size?: number): number {
    const { length, places, command } = PLANS[name];
    const view = this.scratch.begin(length);
    view.setUint32(0, size ?? length, true);
    for (const field in fields) put(view, places, field, fields[field]!);
    const result = this.process.ioctl(this.fd, command, this.scratch.put(length));
    this.answer = this.scratch.take(length);
    return result;
  }

  /** A field of the struct as the last {@link call}, which was of the same name, left it. */
  field(name: IommufdCall, field: string): number {
    const { offset, size } = placeOf(PLANS[name].places, field);
    const low = this.answer.getUint32(offset, true);
    return size === 8 ? low + this.answer.getUint32(offset + 4, true) * HALF : low;
  }

  destroy(id: number): number {
    return this.call('DESTROY', { id });
  }

  /** The new address space's id. */
  allocIoas(): number {
    return this.call('IOAS_ALLOC', {}) || this.field('IOAS_ALLOC', 'out_ioas_id');
  }

  /** Maps memory of the process at `iova`, or where the kernel likes; the IOVA. */
  map(ioas: number, address: Value, length: Value, iova?: Value, flags = READABLE | WRITEABLE): number {
    const where = iova === undefined ? { flags } : { flags: flags | FIXED_IOVA, iova };
    return (
      this.call('IOAS_MAP', { ioas_id: ioas, user_va: address, length, ...where }) || this.field('IOAS_MAP', 'iova')
    );
  }

  /** As {@link map}, of a memory file or a dma-buf. */
  mapFile(ioas: number, fd: number, start: Value, length: Value, iova?: Value, flags = READABLE | WRITEABLE): number {
    const where = iova === undefined ? { flags } : { flags: flags | FIXED_IOVA, iova };
    return (
      this.call('IOAS_MAP_FILE', { ioas_id: ioas, fd, start, length, ...where }) || this.field('IOAS_MAP_FILE', 'iova')
    );
  }

  /** Maps in `to` what `from` has at `source`; the IOVA in `to`. */
  copy(to: number, from: number, source: Value, length: Value, iova?: Value, flags = READABLE | WRITEABLE): number {
    const where = iova === undefined ? { flags } : { flags: flags | FIXED_IOVA, dst_iova: iova };
    const fields = { dst_ioas_id: to, src_ioas_id: from, src_iova: source, length, ...where };
    return this.call('IOAS_COPY', fields) || this.field('IOAS_COPY', 'dst_iova');
  }

  /** The bytes that were unmapped. */
  unmap(ioas: number, iova: Value, length: Value): number {
    return this.call('IOAS_UNMAP', { ioas_id: ioas, iova, length }) || this.field('IOAS_UNMAP', 'length');
  }

  unmapAll(ioas: number): number {
    return this.unmap(ioas, 0, ALL);
  }

  /** Where mappings may lie, in units of how many bytes. */
  ranges(ioas: number, room = 16): { readonly ranges: readonly IovaRange[]; readonly alignment: number } | number {
    const list = this.scratch.address + LIST_AT;
    const error = this.call('IOAS_IOVA_RANGES', { ioas_id: ioas, num_iovas: room, allowed_iovas: list });
    if (error !== 0) return error;
    const count = this.field('IOAS_IOVA_RANGES', 'num_iovas');
    const bytes = this.process.memory.read(list, count * iommu_iova_range.size)!;
    const view = new DataView(bytes.buffer);
    const ranges = Array.from({ length: count }, (_, i): IovaRange => {
      const at = i * iommu_iova_range.size;
      return [view.getBigUint64(at, true), view.getBigUint64(at + 8, true)];
    });
    return { ranges, alignment: this.field('IOAS_IOVA_RANGES', 'out_iova_alignment') };
  }

  /** Replaces the list of ranges for automatic placement; at most 512. */
  allow(ioas: number, ranges: readonly IovaRange[]): number {
    if (ranges.length > LIST_ROOM) throw new Error(`there is room for ${LIST_ROOM} ranges`);
    const list = this.scratch.address + LIST_AT;
    this.process.memory.write(list, new Uint8Array(new BigUint64Array(ranges.flat()).buffer));
    return this.call('IOAS_ALLOW_IOVAS', { ioas_id: ioas, num_iovas: ranges.length, allowed_iovas: list });
  }

  /** Opens and binds the device vfioN, with the token of 16 bytes if one is given; the device, and its id here. */
  open(vfioN: string, token?: Uint8Array): { readonly device: DeviceClient; readonly id: number } | number {
    const fd = this.process.open(`/dev/vfio/devices/${vfioN}`);
    if (fd < 0) return fd;
    const id = this.bind(fd, token);
    if (id >= 0) return { device: new DeviceClient(this.process, fd, this.scratch), id };
    this.process.close(fd);
    return id;
  }

  /** VFIO_DEVICE_BIND_IOMMUFD: the device's id. */
  bind(device: number, token?: Uint8Array): number {
    const address = this.scratch.address + LIST_AT;
    if (token !== undefined) this.process.memory.write(address, token);
    const shown = token === undefined ? {} : { flags: BIND_FLAG.TOKEN, token_uuid_ptr: address };
    const fields = { iommufd: this.fd, ...shown };
    return this.deviceCall(device, VFIO.DEVICE_BIND_IOMMUFD, BIND, fields, 'out_devid');
  }

  /** VFIO_DEVICE_ATTACH_IOMMUFD_PT: the id of the page table. */
  attach(device: number, ptId: number): number {
    return this.deviceCall(device, VFIO.DEVICE_ATTACH_IOMMUFD_PT, ATTACH, { pt_id: ptId }, 'pt_id');
  }

  /** VFIO_DEVICE_DETACH_IOMMUFD_PT. */
  detach(device: number): number {
    return this.deviceCall(device, VFIO.DEVICE_DETACH_IOMMUFD_PT, DETACH, {});
  }

  private deviceCall(
    device: number,
    command: number,
    { length, places }: Plan,
    fields: Readonly<Record<string, Value>>,
    out?: string,
  ): number {
    const view = this.scratch.begin(length);
    view.setUint32(0, length, true);
    for (const field in fields) put(view, places, field, fields[field]!);
    const result = this.process.ioctl(device, command, this.scratch.put(length));
    if (result < 0 || out === undefined) return result;
    return this.scratch.take(length).getUint32(placeOf(places, out).offset, true);
  }
}

/** Where fields of a struct are, worked out once. */
type Places = Readonly<Record<string, { readonly offset: number; readonly size: number }>>;
interface Plan {
  readonly length: number;
  readonly places: Places;
}

const planOf = ({ size, fields }: Layout): Plan => ({
  length: size,
  places: Object.fromEntries(fields.map((field) => [field.name, { offset: field.offset, size: field.size }])),
});

const PLANS = Object.fromEntries(
  Object.entries(IOMMUFD_STRUCTS).map(([name, struct]) => [
    name,
    { ...planOf(struct), command: IOMMU[name as IommufdCall] },
  ]),
) as Readonly<Record<IommufdCall, Plan & { readonly command: number }>>;
const BIND = planOf(device_bind_iommufd);
const ATTACH = planOf(device_attach_iommufd_pt);
const DETACH = planOf(device_detach_iommufd_pt);

/** One more than a half of a u64 can hold. */
const HALF = 0x1_0000_0000;

function placeOf(places: Places, name: string): { readonly offset: number; readonly size: number } {
  const place = places[name];
  if (place === undefined) throw new Error(`the struct has no ${name}`);
  return place;
}

/** Halves by themselves: a BigInt for each of a struct's fields would be most of what a call costs. */
function put(view: DataView, places: Places, name: string, value: Value): void {
  const { offset, size } = placeOf(places, name);
  if (size < 4) view.setUint16(offset, Number(value), true);
  else if (size === 4) view.setUint32(offset, Number(value), true);
  else if (typeof value === 'bigint') view.setBigUint64(offset, value, true);
  else {
    view.setUint32(offset, value, true);
    view.setUint32(offset + 4, Math.floor(value / HALF), true);
  }
}
