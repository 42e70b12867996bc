/** Programs with /dev/iommu and memory, on a machine of devices that read and write wherever a test tells them to. */
import type { Hardware } from '../../sim/hardware.ts';
import type { FunctionDescription, IommuDescription, MachineDescription } from '../../sim/pci/description.ts';
import type { DevicePorts, ModelFactory } from '../../sim/pci/model.ts';
import { type DeviceClient, IommufdClient } from '../../src/client/index.ts';
import type { Capability, Process, User } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';

export const E = Object.fromEntries(Object.entries(ERRNO).map(([name, value]) => [name, -value])) as {
  [name in keyof typeof ERRNO]: number;
};
export const PAGE = 4096;
export const MIB = 0x10_0000;
/** The last IOVA there is. */
export const TOP = 0xffff_ffff_ffff_ffffn;
/** Nothing is ever mapped here. */
export const UNMAPPED = 0x1000;
/** Access flags of MAP, MAP_FILE and COPY. */
export const READ = 4;
export const WRITE = 2;

/** What a process cannot do beside locking memory without limit. */
export const NO_CAPABILITIES: readonly Capability[] = [];

const fn = (device: number, bar: number): FunctionDescription => ({
  name: `device ${device}`,
  vendor: 0x1234,
  device,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: bar }],
  capabilities: [{ kind: 'exp', at: 0x40, body: '02000080001000000010' }],
  model: 'memory',
});

export const VTD: IommuDescription = {
  aperture: [0, 2 ** 48 - 1],
  pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
  interruptRemapping: true,
};

const description = (iommu: Partial<IommuDescription>): MachineDescription => ({
  name: 'three devices',
  iommu: { ...VTD, ...iommu },
  root: [
    { devfn: '02.0', function: fn(1, 0x4000) },
    { devfn: '03.0', function: fn(2, 0x4000) },
    { devfn: '04.0', function: fn(3, 0x4000) },
  ],
});

/** BAR 0 is memory. */
const memory: ModelFactory = () => {
  const bytes = new Map<number, number>();
  return {
    read(_bar, offset, width) {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes.get(offset + i) ?? 0);
      return value;
    },
    write(_bar, offset, width, value) {
      for (let i = 0; i < width; i++) bytes.set(offset + i, (value >>> (8 * i)) & 0xff);
    },
    reset() {
      bytes.clear();
    },
  };
};

/** A program with an address space of its own. */
export interface Prepared {
  readonly rig: Rig;
  readonly program: Program;
  readonly iommu: IommufdClient;
  readonly ioas: number;
  /** 4 MiB, 2 MiB aligned. */
  readonly memory: number;
}

export class Rig {
  readonly machine: Machine;
  private readonly ports: DevicePorts[] = [];

  constructor(iommu: Partial<IommuDescription> = {}) {
    const remember: ModelFactory = (ports, physical) => {
      this.ports.push(ports);
      return memory(ports, physical);
    };
    this.machine = new Machine(description(iommu), { models: { memory: remember } });
    for (const bdf of ['0000:00:02.0', '0000:00:03.0', '0000:00:04.0']) {
      this.echo(`/sys/bus/pci/devices/${bdf}/driver_override`, 'vfio-pci');
      this.echo('/sys/bus/pci/drivers_probe', bdf);
    }
  }

  get hardware(): Hardware {
    return this.machine.hardware;
  }

  /** A program with /dev/iommu open. */
  program(capabilities?: readonly Capability[], user?: User): Program {
    const process = this.machine.kernel.process('program', capabilities, user);
    return new Program(this, process);
  }

  /** A program, and an IOAS with 4 MiB of memory beside it that is not mapped. */
  ioas(capabilities?: readonly Capability[]): Prepared {
    const program = this.program(capabilities);
    return {
      rig: this,
      program,
      iommu: program.iommu,
      ioas: program.iommu.allocIoas(),
      memory: program.allocate(4 * MIB),
    };
  }

  /** As {@link ioas}, with device 0 attached to the address space. */
  attached(capabilities?: readonly Capability[]): Prepared & { readonly device: Device; readonly hwpt: number } {
    const made = this.ioas(capabilities);
    const device = made.program.device(0);
    const hwpt = made.iommu.attach(device.fd, made.ioas);
    if (hwpt < 0) throw new Error(`attach: ${hwpt}`);
    return { ...made, device, hwpt };
  }

  /** The requests that device `index` can make. */
  dma(index: number): DevicePorts['dma'] {
    return this.ports[index]!.dma;
  }

  echo(path: string, text: string): void {
    const admin = this.machine.process('administrator');
    const fd = admin.open(path, { read: false, write: true, nonblock: false });
    const page = admin.memory.allocate(PAGE);
    admin.memory.write(page, Buffer.from(text));
    const result = fd < 0 ? fd : admin.write(fd, page, text.length);
    if (result < 0) throw new Error(`echo ${text} > ${path}: ${result}`);
    admin.close(fd);
  }
}

export class Program {
  readonly rig: Rig;
  readonly process: Process;
  readonly iommu: IommufdClient;

  constructor(rig: Rig, process: Process) {
    this.rig = rig;
    this.process = process;
    this.iommu = new IommufdClient(process);
  }

  allocate(length: number): number {
    return this.process.memory.allocate(length);
  }

  /** Binds a device and lets it master the bus. */
  device(index: number): Device {
    const opened = this.iommu.open(`vfio${index}`);
    if (typeof opened === 'number') throw new Error(`vfio${index}: ${opened}`);
    opened.device.write(7, 4, 2, 6);
    return new Device(this, index, opened.device, opened.id);
  }

  /** Another process to which the iommufd was handed over: it has it as descriptor 3. */
  heir(capabilities: readonly Capability[], user = this.process.user): Process {
    const process = this.rig.machine.kernel.process('heir', capabilities, user);
    process.files.install(this.process.file(this.iommu.fd)!.file);
    return process;
  }

  poke(address: number, ...bytes: number[]): void {
    if (!this.process.memory.write(address, Uint8Array.from(bytes))) throw new Error('nothing is mapped there');
  }

  peek(address: number): number {
    return this.process.memory.read(address, 1)![0]!;
  }

  /** A page that can be read and not written, and holds these bytes. */
  locked(bytes: Uint8Array): number {
    const fd = this.process.memfd(PAGE);
    const page = this.allocate(PAGE);
    this.process.memory.write(page, bytes);
    this.process.write(fd, page, bytes.length);
    return this.process.mmap(fd, 0, PAGE, { read: true, write: false, shared: true });
  }

  /** An ioctl on the iommufd with these bytes at the end of a page: behind them nothing is mapped. */
  raw(request: number, bytes: Uint8Array): number {
    const end = this.allocate(PAGE) + PAGE;
    this.process.memory.write(end - bytes.length, bytes);
    return this.process.ioctl(this.iommu.fd, request, end - bytes.length);
  }
}

/** A bound device. */
export class Device {
  readonly program: Program;
  readonly index: number;
  readonly client: DeviceClient;
  /** Its id in the iommufd. */
  readonly id: number;

  constructor(program: Program, index: number, client: DeviceClient, id: number) {
    this.program = program;
    this.index = index;
    this.client = client;
    this.id = id;
  }

  get fd(): number {
    return this.client.fd;
  }

  /** One byte that the device reads; undefined if it is not let through. */
  read(iova: number): number | undefined {
    const into = new Uint8Array(1);
    return this.program.rig.dma(this.index).read(iova, into) ? into[0] : undefined;
  }

  /** Does a byte that the device writes arrive? */
  write(iova: number, value: number): boolean {
    return this.program.rig.dma(this.index).write(iova, Uint8Array.of(value));
  }
}
