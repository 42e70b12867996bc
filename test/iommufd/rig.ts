/** A machine whose IOMMU can everything, a user with an iommufd, and devices whose DMA is in the test's hands. */
import type { FunctionDescription, IommuDescription, MachineDescription } from '../../sim/pci/description.ts';
import type { DevicePorts } from '../../sim/pci/model.ts';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { enableSriov } from '../../src/kernel/pci/sriov.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import { HWPT_ALLOC_FLAG, IOMMU, IOMMUFD_STRUCTS, iommu_hwpt_pgfault } from '../../src/uapi/iommufd.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Probe } from '../sim/bare.ts';

/** An endpoint with FLR. */
const EXP = { kind: 'exp', at: 0x40, body: '02000080001000000000' } as const;

const plain = (device: number, more: Partial<FunctionDescription> = {}): FunctionDescription => ({
  name: `function ${device}`,
  vendor: 0x1234,
  device,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [EXP],
  model: 'probe',
  ...more,
});

/** PASIDs up to 255 with both privileges, page requests, ATS, and VFs that share them. */
const accelerator = plain(0x10, {
  capabilities: [
    EXP,
    { kind: 'ats', at: 0x100 },
    { kind: 'pri', at: 0x120, body: '000000014000000000000000' },
    { kind: 'pasid', at: 0x140, body: '06080000' },
    { kind: 'ari', at: 0x150 },
    { kind: 'sriov', at: 0x180 },
  ],
  sriov: { totalVfs: 2, offset: 0x10, stride: 1, vf: plain(0x11, { bars: [] }) },
});

/** The one with PASIDs and page requests. */
export const ACCELERATOR = '0000:01:00.0';
/** Its first VF, once made. */
export const VF = '0000:01:02.0';
/** A function with PCI Express and nothing else. */
export const PLAIN = '0000:02:00.0';
/** Two functions of one device: one group. */
export const TWINS = ['0000:03:00.0', '0000:03:00.1'] as const;
/** One with PASIDs, and one without: one group. */
export const PAIR = ['0000:04:00.0', '0000:04:00.1'] as const;

const PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive: 'none' } as const;
const pasid = { kind: 'pasid', at: 0x140, body: '00040000' } as const;

export const rigMachine = (iommu: Partial<IommuDescription> = {}): MachineDescription => ({
  name: 'iommufd',
  iommu: {
    aperture: [0, 2 ** 48 - 1],
    pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
    interruptRemapping: true,
    dirtyTracking: true,
    nesting: true,
    pasid: true,
    pageRequests: true,
    virtual: 'tegra241-cmdqv',
    ...iommu,
  },
  root: [
    { ...PORT, devfn: '01.0', below: [{ devfn: '00.0', function: accelerator }] },
    { ...PORT, devfn: '02.0', below: [{ devfn: '00.0', function: plain(0x20) }] },
    {
      ...PORT,
      devfn: '03.0',
      below: [
        { devfn: '00.0', function: plain(0x30) },
        { devfn: '00.1', function: plain(0x31) },
      ],
    },
    {
      ...PORT,
      devfn: '04.0',
      below: [
        { devfn: '00.0', function: plain(0x40, { capabilities: [EXP, pasid] }) },
        { devfn: '00.1', function: plain(0x41) },
      ],
    },
  ],
});

export type Name = keyof typeof IOMMU;
export type Fields = Readonly<Record<string, number | bigint | Uint8Array>>;
/** Nothing is ever mapped here. */
export const UNMAPPED = 0x1000;

/** A user with one iommufd. */
export class User {
  readonly process: Process;
  readonly fd: number;
  private readonly page: number;
  private answer = new DataView(new ArrayBuffer(0));
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

/** A device bound to the user's iommufd, and its DMA engine. */
export class Device {
  readonly id: number;
  readonly fd: number;
  readonly dma: DevicePorts['dma'];
  private readonly process: Process;
  private readonly page: number;

  constructor(user: User, fd: number, ports: DevicePorts) {
    this.process = user.process;
    this.page = user.allocate(0x1000);
    this.fd = fd;
    this.dma = ports.dma;
    const error = this.call(VFIO.DEVICE_BIND_IOMMUFD, 16, 0, user.fd, 0);
    if (error !== 0) throw new Error(`BIND: ${error}`);
    this.id = this.word(12);
    this.process.memory.write(this.page, Uint8Array.of(COMMAND.MASTER | COMMAND.MEMORY));
    this.process.pwrite(fd, this.page, 1, 7 * 2 ** 40 + PCI.COMMAND);
  }

  /** ATTACH: the page table that is used, or a negated errno. */
  attach(ptId: number, pasid?: number): number {
    const error =
      pasid === undefined
        ? this.call(VFIO.DEVICE_ATTACH_IOMMUFD_PT, 12, 0, ptId)
        : this.call(VFIO.DEVICE_ATTACH_IOMMUFD_PT, 16, 1, ptId, pasid);
    return error < 0 ? error : this.word(8);
  }

  detach(pasid?: number): number {
    if (pasid === undefined) return this.call(VFIO.DEVICE_DETACH_IOMMUFD_PT, 8, 0);
    return this.call(VFIO.DEVICE_DETACH_IOMMUFD_PT, 12, 1, pasid);
  }

  close(): number {
    return this.process.close(this.fd);
  }

  /** Whether the device can write a byte there. */
  writes(iova: number, pasid?: number): boolean {
    return this.dma.write(iova, Uint8Array.of(0xa5), pasid);
  }

  /** The byte the device reads there; undefined: it is kept from it. */
  reads(iova: number, pasid?: number): number | undefined {
    const into = new Uint8Array(1);
    return this.dma.read(iova, into, pasid) ? into[0] : undefined;
  }

  private call(command: number, ...words: number[]): number {
    this.process.memory.write(this.page, new Uint8Array(Uint32Array.from(words).buffer));
    return this.process.ioctl(this.fd, command, this.page);
  }

  private word(offset: number): number {
    return new DataView(this.process.memory.read(this.page + offset, 4)!.buffer).getUint32(0, true);
  }
}

export class Rig extends User {
  readonly machine: Machine;

  constructor(iommu: Partial<IommuDescription> = {}) {
    const machine = new Machine(rigMachine(iommu), { models: { probe: (ports) => new Probe(ports) } });
    super(machine.process('user'));
    this.machine = machine;
  }

  /** Opens a device for this user, and binds it to the user's iommufd or to that of another user. */
  device(name: string, user: User = this): Device {
    const { bus } = this.machine.kernel;
    const device = bus.devices.get(name)!;
    if (device.driver === undefined) {
      this.echo('vfio-pci', `/sys/bus/pci/devices/${name}/driver_override`);
      this.echo(name, '/sys/bus/pci/drivers_probe');
    }
    const cdev = user.process.readdir(`/sys/bus/pci/devices/${name}/vfio-dev`) as string[];
    const fd = user.process.open(`/dev/vfio/devices/${cdev[0]}`);
    return new Device(user, fd, (device.function.model as Probe).ports);
  }

  /** The first VF of the accelerator, made by a host driver that keeps the PF. */
  vf(): string {
    const { kernel } = this.machine;
    const pf = kernel.bus.devices.get(ACCELERATOR)!;
    pf.sriovDriversAutoprobe = false;
    kernel.run(enableSriov(pf, 1));
    return VF;
  }

  /** A second user, with an iommufd of its own. */
  stranger(): User {
    return new User(this.machine.process('stranger'));
  }

  private echo(text: string, path: string): void {
    const address = this.allocate(0x1000);
    this.process.memory.write(address, Buffer.from(text));
    const fd = this.process.open(path, { read: false, write: true, nonblock: false });
    const result = this.process.write(fd, address, text.length);
    this.process.close(fd);
    if (result !== text.length) throw new Error(`echo ${text} > ${path}: ${result}`);
  }
}

/** What can be read from a fault queue: records of 40 bytes, or a negated errno. */
export function readFaults(user: User, fd: number, room = 0x1000): DataView[] | number {
  const address = user.allocate(0x1000);
  const count = user.process.read(fd, address, Math.floor(room / iommu_hwpt_pgfault.size) * iommu_hwpt_pgfault.size);
  if (count < 0) return count;
  const bytes = user.process.memory.read(address, count)!;
  return Array.from(
    { length: count / iommu_hwpt_pgfault.size },
    (_, index) => new DataView(bytes.buffer, index * iommu_hwpt_pgfault.size, iommu_hwpt_pgfault.size),
  );
}
