/** A machine with one user, and devices opened for that user without groups and containers. */
import { Hardware } from '../../sim/hardware.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';
import type { DevicePorts, ModelFactory } from '../../sim/pci/model.ts';
import type { EventFd } from '../../src/kernel/eventfd.ts';
import { EventFd as Counter } from '../../src/kernel/eventfd.ts';
import type { Backing } from '../../src/kernel/file.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import { enableSriov } from '../../src/kernel/pci/sriov.ts';
import type { Process } from '../../src/kernel/process.ts';
import { DmaBufs } from '../../src/pci-core/dma-buf.ts';
import {
  type InitOptions,
  VfioPciCoreDevice,
  vfio_pci_core_close_device,
  vfio_pci_core_enable,
  vfio_pci_core_finish_enable,
  vfio_pci_core_init_dev,
  vfio_pci_core_register_device,
} from '../../src/pci-core/index.ts';
import type { VfioRegistry } from '../../src/pci-core/registry.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { VfioDevice } from '../../src/vfio/device.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { machine } from './machines.ts';

/** One access that reached a device: kind, BAR, offset, width. */
export type Access = readonly ['read' | 'write', number, number, number];

/** Region offsets. */
export const region = (index: number, offset = 0): number => index * 2 ** 40 + offset;
export const CONFIG = region(7);

/** Registers of the test device: memory, and two doorbells in BAR0. */
export const DOORBELL = { MESSAGE: 0xf00, LEVEL: 0xf04 } as const;

/** How legacy VGA addresses are logged: as BARs that no function has. */
export const LEGACY = { memory: 10, io: 11 } as const;

/** The device behind every BAR: it remembers what is written, and who asked for what. */
function probeModel(log: Access[]): ModelFactory {
  return (ports: DevicePorts) => {
    const memory = new Map<number, number>();
    const at = (bar: number, offset: number): number => bar * 2 ** 32 + offset;
    return {
      read(bar, offset, width) {
        log.push(['read', bar, offset, width]);
        let value = 0;
        for (let i = width - 1; i >= 0; i--) value = value * 256 + (memory.get(at(bar, offset + i)) ?? 0);
        return value;
      },
      write(bar, offset, width, value) {
        log.push(['write', bar, offset, width]);
        for (let i = 0; i < width; i++) memory.set(at(bar, offset + i), (value >>> (8 * i)) & 0xff);
        if (bar === 0 && offset === DOORBELL.MESSAGE) ports.interrupts.message(value);
        if (bar === 0 && offset === DOORBELL.LEVEL) ports.interrupts.level(value !== 0);
      },
      readLegacy(space, address, width) {
        return this.read(LEGACY[space], address, width);
      },
      writeLegacy(space, address, width, value) {
        this.write(LEGACY[space], address, width, value);
      },
      reset() {
        memory.clear();
      },
    };
  };
}

const REGISTRY: VfioRegistry = { registerDevice: () => 0, *unregisterDevice() {} };

export class Bench {
  /** What reached the devices, since it was last emptied. */
  readonly log: Access[] = [];
  readonly hardware: Hardware;
  readonly kernel: Kernel;
  readonly user: Process;
  /** A page of the user's memory for ioctl arguments and data. */
  readonly page: number;

  constructor(description: MachineDescription = machine) {
    this.hardware = new Hardware(description, { probe: probeModel(this.log) });
    this.kernel = new Kernel(this.hardware);
    this.user = this.kernel.process('user');
    this.page = this.user.memory.allocate(0x10000);
  }

  pdev(name: string): PciDevice {
    return this.kernel.bus.devices.get(name)!;
  }

  /** Creates the nic's VFs as a host driver does, and gives the first. */
  vf(): PciDevice {
    const pf = this.pdev('0000:01:00.0');
    pf.sriovDriversAutoprobe = false;
    this.kernel.run(enableSriov(pf, 2));
    return pf.virtfns[0]!;
  }

  /** Binds without opening. */
  bind(pdev: PciDevice, options: InitOptions = {}, registry = REGISTRY): VfioPciCoreDevice {
    const core = new VfioPciCoreDevice(pdev);
    vfio_pci_core_init_dev(core, options);
    core.dmaBufs = new DmaBufs();
    pdev.driverData = core;
    const result = vfio_pci_core_register_device(core, new VfioDevice(pdev.name, vfioPciOps, core), registry);
    if (result !== 0) throw new Error(`register: ${result}`);
    return core;
  }

  /** Opens a bound device for the user. */
  openBound(core: VfioPciCoreDevice): Opened {
    const error = this.kernel.run(vfio_pci_core_enable(core));
    if (error !== 0) throw new Error(`enable: ${error}`);
    vfio_pci_core_finish_enable(core);
    const device = core.vdev as VfioDevice<VfioPciCoreDevice>;
    const file = new VfioDeviceFile(device, { granted: true, release: () => vfio_pci_core_close_device(core) });
    this.log.length = 0;
    return new Opened(this, core, this.user.files.install(file));
  }

  open(name: string | PciDevice, options: InitOptions = {}): Opened {
    return this.openBound(this.bind(typeof name === 'string' ? this.pdev(name) : name, options));
  }

  eventfd(): { fd: number; counter: EventFd } {
    const counter = new Counter();
    return { fd: this.user.files.install(counter), counter };
  }

  /** Puts bytes into the user's page. */
  put(bytes: Uint8Array | readonly number[], at = 0): number {
    if (!this.user.memory.write(this.page + at, Uint8Array.from(bytes))) throw new Error('the page is mapped');
    return this.page + at;
  }

  /** A page that can be read and not written, and holds these bytes. */
  locked(bytes: readonly number[]): number {
    const backing: Backing = {
      load: (offset, into) => {
        into.fill(0);
        into.set(bytes.slice(offset, offset + into.length));
        return true;
      },
      store: () => false,
      physical: () => undefined,
    };
    return this.user.memory.map(backing, 0, 0x1000, { read: true, write: false, device: false });
  }

  get(length: number, at = 0): Buffer {
    return Buffer.from(this.user.memory.read(this.page + at, length)!);
  }

  /** What has been taken since the last call. */
  accesses(): Access[] {
    return this.log.splice(0);
  }
}

/** An open device, through system calls. */
export class Opened {
  readonly bench: Bench;
  readonly core: VfioPciCoreDevice;
  readonly fd: number;
  constructor(bench: Bench, core: VfioPciCoreDevice, fd: number) {
    this.bench = bench;
    this.core = core;
    this.fd = fd;
  }

  /** Bytes as hex, or a negated errno. */
  read(offset: number, length: number): string | number {
    const { user, page } = this.bench;
    const done = user.pread(this.fd, page, length, offset);
    return done < 0 ? done : this.bench.get(done).toString('hex');
  }

  write(offset: number, hex: string): number {
    const bytes = Buffer.from(hex, 'hex');
    return this.bench.user.pwrite(this.fd, this.bench.put(bytes), bytes.length, offset);
  }

  /** A value of configuration space, little-endian; throws on an error. */
  config(offset: number, width: 1 | 2 | 4): number {
    const hex = this.read(CONFIG + offset, width);
    if (typeof hex === 'number') throw new Error(`config read: ${hex}`);
    return Buffer.from(hex, 'hex').readUIntLE(0, width);
  }

  setConfig(offset: number, width: 1 | 2 | 4, value: number): number {
    const bytes = Buffer.alloc(width);
    bytes.writeUIntLE(value >>> 0, 0, width);
    return this.write(CONFIG + offset, bytes.toString('hex'));
  }

  /** What hardware has. */
  raw(offset: number, width: number): number {
    return this.core.pdev.readConfig(offset, width);
  }

  ioctl(command: number, words: readonly number[], more: readonly number[] = []): number {
    const bytes = Buffer.alloc(words.length * 4 + more.length);
    words.forEach((word, i) => {
      bytes.writeUInt32LE(word >>> 0, 4 * i);
    });
    bytes.set(more, words.length * 4);
    return this.bench.user.ioctl(this.fd, command, this.bench.put(bytes));
  }

  /** Words of the struct after an ioctl. */
  words(count: number): number[] {
    const bytes = this.bench.get(4 * count);
    return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(4 * i));
  }

  /** SET_IRQS with eventfd numbers, bytes, or nothing as data. */
  setIrqs(flags: number, index: number, start: number, count: number, data: readonly number[] = []): number {
    const width = flags & 4 ? 4 : 1;
    const bytes = Buffer.alloc(data.length * width);
    data.forEach((value, i) => {
      if (width === 4) bytes.writeInt32LE(value, 4 * i);
      else bytes.writeUInt8(value, i);
    });
    return this.ioctl(VFIO.DEVICE_SET_IRQS, [20 + bytes.length, flags, index, start, count], [...bytes]);
  }

  mmap(offset: number, length: number, how = { read: true, write: true, shared: true }): number {
    return this.bench.user.mmap(this.fd, offset, length, how);
  }

  /** Whether a byte of a mapping can be read; false is SIGBUS. */
  touch(address: number): boolean {
    return this.bench.user.memory.read(address, 4) !== undefined;
  }

  close(): void {
    this.bench.user.close(this.fd);
  }
}

export const E = Object.fromEntries(Object.entries(ERRNO).map(([name, value]) => [name, -value])) as {
  [name in keyof typeof ERRNO]: number;
};
