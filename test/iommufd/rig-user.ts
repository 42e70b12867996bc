/** A user with an iommufd: its ioctls by name, with the fields of their structs. */
import type { Process } from '../../src/kernel/process.ts';
import { HWPT_ALLOC_FLAG, IOMMU, IOMMUFD_STRUCTS } from '../../src/uapi/iommufd.ts';
import type { Device } from './rig-device.ts';

export type Name = keyof typeof IOMMU;
export type Fields = Readonly<Record<string, number | bigint | Uint8Array>>;
/** Nothing is ever mapped here. */
export const UNMAPPED = 0x1000;

/** A user with one iommufd. */
export class User {
  readonly process: Process;
  readonly fd: number;
  private readonly page: number;
  private answer: DataView = new DataView(new ArrayBuffer(0));
  private asked: Name = 'DESTROY';

  constructor(process: Process) {
    this.process = process;
    this.page = process.memory.allocate(0x2000);
    this.fd = process.open('/dev/iommu');
  }

  /** An ioctl of the iommufd with a whole struct, or one of `size` bytes. */
  call(name: Name, fields: Fields = {}, size: number = IOMMUFD_STRUCTS[name].size): number {
    const layout = IOMMUFD_STRUCTS[name];
    const view = new DataView(new ArrayBuffer(layout.size));
    for (const [key, value] of Object.entries({ size, ...fields })) set(view, layout.fields, key, value);
    this.process.memory.write(this.page, new Uint8Array(view.buffer, 0, Math.min(size, layout.size)));
    const result = this.process.ioctl(this.fd, IOMMU[name], this.page);
    this.answer = new DataView(this.process.memory.read(this.page, layout.size)!.buffer);
    this.asked = name;
    return result;
  }

  /** A field of the struct as the last call left it. */
  out(name: string): number {
    const field = IOMMUFD_STRUCTS[this.asked].fields.find((candidate) => candidate.name === name)!;
    if (field.type === 'u64') return Number(this.answer.getBigUint64(field.offset, true));
    return field.type === 'u8' ? this.answer.getUint8(field.offset) : this.answer.getUint32(field.offset, true);
  }

  /** A call that makes an object: its number, or a negated errno. */
  make(name: Name, fields: Fields = {}, size?: number): number {
    const result = this.call(name, fields, size);
    return result < 0 ? result : this.out(NUMBER[name]!);
  }

  ioas(): number {
    return this.make('IOAS_ALLOC');
  }

  destroy(id: number): number {
    return this.call('DESTROY', { id });
  }

  hwpt(device: Device, base: number, flags = 0, more: Fields = {}): number {
    return this.make('HWPT_ALLOC', { dev_id: device.id, pt_id: base, flags, ...more });
  }

  /** A page table that others can be nested on, and whose dirty bits count. */
  parent(device: Device, ioas: number): number {
    return this.hwpt(device, ioas, HWPT_ALLOC_FLAG.NEST_PARENT | HWPT_ALLOC_FLAG.DIRTY_TRACKING);
  }

  /** Maps memory for reading and writing, or as `flags` (WRITEABLE 2, READABLE 4) say. */
  map(ioas: number, iova: number | bigint, address: number, length: number, flags = 6): number {
    return this.call('IOAS_MAP', { ioas_id: ioas, flags: flags | 1, user_va: address, length, iova });
  }

  unmap(ioas: number, iova: number | bigint, length: number | bigint): number {
    return this.call('IOAS_UNMAP', { ioas_id: ioas, iova, length });
  }

  allocate(length: number): number {
    return this.process.memory.allocate(length);
  }

  bytes(address: number, length: number): number[] {
    return [...this.process.memory.read(address, length)!];
  }

  u64(address: number): bigint {
    return new DataView(this.process.memory.read(address, 8)!.buffer).getBigUint64(0, true);
  }

  put(address: number, ...values: (number | bigint)[]): void {
    this.process.memory.write(address, new Uint8Array(BigUint64Array.from(values, (value) => BigInt(value)).buffer));
  }

  /** What GET_DIRTY_BITMAP sets in a bitmap that was zero, as the numbers of its bits; or a negated errno. */
  dirty(hwpt: number, iova: number, length: number, pageSize = 0x1000, flags = 0): number[] | number {
    const size = Math.ceil(length / pageSize / 8);
    const data = this.allocate(size);
    const result = this.call('HWPT_GET_DIRTY_BITMAP', {
      hwpt_id: hwpt,
      flags,
      iova,
      length,
      page_size: pageSize,
      data,
    });
    if (result < 0) return result;
    return this.bytes(data, size).flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => at * 8 + bit),
    );
  }
}

/** The field with the number of what a call makes. */
const NUMBER: Partial<Record<Name, string>> = {
  IOAS_ALLOC: 'out_ioas_id',
  HWPT_ALLOC: 'out_hwpt_id',
  FAULT_QUEUE_ALLOC: 'out_fault_id',
  VIOMMU_ALLOC: 'out_viommu_id',
  VDEVICE_ALLOC: 'out_vdevice_id',
  VEVENTQ_ALLOC: 'out_veventq_id',
  HW_QUEUE_ALLOC: 'out_hw_queue_id',
};

function set(
  view: DataView,
  fields: (typeof IOMMUFD_STRUCTS)[Name]['fields'],
  key: string,
  value: number | bigint | Uint8Array,
): void {
  const field = fields.find(({ name }) => name === key);
  if (field === undefined) throw new Error(`no field ${key}`);
  if (value instanceof Uint8Array) new Uint8Array(view.buffer).set(value, field.offset);
  else if (field.type === 'u64') view.setBigUint64(field.offset, BigInt(value), true);
  else if (field.type === 'u16') view.setUint16(field.offset, Number(value), true);
  else view.setUint32(field.offset, Number(value), true);
}
