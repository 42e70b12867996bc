/** A kernel on a machine of probes, with a user, and files and drivers that tell what happens to them. */
import type { SlotDescription } from '../../sim/pci/description.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { Backing, OpenFile } from '../../src/kernel/file.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import { disableSriov, enableSriov } from '../../src/kernel/pci/sriov.ts';
import type { Process } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { Bare } from '../sim/bare.ts';

/** Negated errnos, as calls answer them. */
export const E = Object.fromEntries(Object.entries(ERRNO).map(([name, value]) => [name, -value])) as {
  readonly [name in keyof typeof ERRNO]: number;
};

export class Rig {
  readonly bare: Bare;
  readonly kernel: Kernel;
  readonly root: Process;
  private readonly page: number;

  constructor(slots?: readonly SlotDescription[]) {
    this.bare = new Bare(slots);
    this.kernel = new Kernel(this.bare.hardware);
    this.root = this.kernel.process('root');
    this.page = this.root.memory.allocate(0x2000);
  }

  device(name: string): PciDevice {
    const device = this.kernel.bus.devices.get(`0000:${name}`);
    if (device === undefined) throw new Error(`no device ${name}`);
    return device;
  }

  run<T>(task: Task<T>): T {
    return this.kernel.run(task);
  }

  load(driver: PciDriver): PciDriver {
    this.run(this.kernel.bus.registerDriver(driver));
    return driver;
  }

  /** echo TEXT > PATH; what write answers, or open's errno. */
  echo(path: string, text: string, process = this.root): number {
    const fd = process.open(path, { read: false, write: true, nonblock: false });
    if (fd < 0) return fd;
    process.memory.write(this.page, Buffer.from(text));
    const result = process.write(fd, this.page, Buffer.byteLength(text));
    process.close(fd);
    return result;
  }

  /** cat PATH; the text, or an errno. */
  cat(path: string): string | number {
    const fd = this.root.open(path, { read: true, write: false, nonblock: false });
    if (fd < 0) return fd;
    const result = this.root.read(fd, this.page, 0x1000);
    this.root.close(fd);
    return result < 0 ? result : Buffer.from(this.root.memory.read(this.page, result)!).toString();
  }

  /** The directory of a PCI device. */
  sys(name: string, file = ''): string {
    return `/sys/bus/pci/devices/0000:${name}${file && '/'}${file}`;
  }
}

/** A driver that takes what its ids name, and keeps a diary. */
export function driver(name: string, log: string[], more: Partial<PciDriver> = {}): PciDriver {
  return {
    name,
    ids: [{ vendor: 0x1234, device: 0x0001 }],
    probe: (device) => {
      log.push(`${name} probes ${device.name.slice(5)}`);
      return 0;
    },
    remove: (device) => {
      log.push(`${name} leaves ${device.name.slice(5)}`);
    },
    ...more,
  };
}

/** What a PF's driver does for sriov_numvfs. */
export function* configureVfs(device: PciDevice, count: number): Task<number> {
  if (count === 0) {
    yield* disableSriov(device);
    return 0;
  }
  const result = yield* enableSriov(device, count);
  return result < 0 ? result : count;
}

/** A file of one page that counts its releases. */
export class Counted implements OpenFile {
  readonly name = 'counted';
  released = 0;
  readonly bytes = new Uint8Array(4096);
  read(caller: Process, address: number, length: number): number {
    return caller.memory.write(address, this.bytes.subarray(0, length)) ? length : E.EFAULT;
  }
  mmap(): Backing {
    return {
      load: (offset, into) => {
        into.set(this.bytes.subarray(offset, offset + into.length));
        return true;
      },
      store: (offset, bytes) => {
        this.bytes.set(bytes, offset);
        return true;
      },
      physical: (offset) => 0x8000_0000 + offset,
    };
  }
  release(): void {
    this.released++;
  }
}
