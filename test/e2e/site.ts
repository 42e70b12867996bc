/** A machine as an operator sets it up, and a VM monitor that owns one VF. Everything goes through system calls. */
import { type ModelOptions, mlx5Models, type PfModel } from '../../sim/devices/mlx5/index.ts';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { ContainerClient, type DeviceClient, Scratch } from '../../src/client/index.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { VfioParameters } from '../../src/machine/vfio-modules.ts';
import { PCI_REGION } from '../../src/uapi/vfio.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';

const PF = '/sys/bus/pci/devices/0000:01:00.0';
const COMMAND = 0x04;
const MASTER = 0x04;
const MSIX_INDEX = 2;

export const PAGE = 4096;
/** The guest's memory: where the device sees it, and how much. */
export const RAM_AT = 0x10_0000;
export const RAM_PAGES = 48;
export const RAM = RAM_PAGES * PAGE;

export class Site {
  readonly machine: Machine;
  private readonly admin: Process;
  private readonly page: number;

  constructor(vfs = 1, options: ModelOptions = {}, parameters: Partial<VfioParameters> = {}) {
    this.machine = new Machine(mlx5Machine, { variants: [mlx5], models: mlx5Models(options), parameters, fill: 0x5a });
    this.admin = this.machine.process('administrator');
    this.page = this.admin.memory.allocate(PAGE);
    this.echo(`${PF}/sriov_drivers_autoprobe`, '0');
    this.echo(`${PF}/sriov_numvfs`, String(vfs));
    for (let vf = 0; vf < vfs; vf++) {
      this.echo(`${PF}/virtfn${vf}/driver_override`, 'mlx5-vfio-pci');
      this.echo('/sys/bus/pci/drivers_probe', this.bdf(vf));
    }
  }

  bdf(vf: number): string {
    return `${this.admin.readlink(`${PF}/virtfn${vf}`)}`.split('/').at(-1)!;
  }

  echo(path: string, text: string): void {
    const fd = this.admin.open(path, { read: false, write: true, nonblock: false });
    this.admin.memory.write(this.page, Buffer.from(text));
    const result = fd < 0 ? fd : this.admin.write(fd, this.page, text.length);
    this.admin.close(fd);
    if (result < 0) throw new Error(`echo ${text} > ${path}: ${result}`);
  }

  /** Opens a VF as a VM monitor does, with fresh memory for the guest. */
  vm(vf = 0): Vm {
    const bdf = this.bdf(vf);
    const group = `${this.admin.readlink(`/sys/bus/pci/devices/${bdf}/iommu_group`)}`.split('/').at(-1)!;
    return new Vm(this, this.machine.process(`vm ${bdf}`), bdf, group);
  }

  /** Inside of the card, for checks only. */
  get card(): PfModel {
    return this.machine.kernel.bus.devices.get('0000:01:00.0')!.function.model as PfModel;
  }

  /** Lets devices work: at most `turns` steps. */
  turn(turns: number): void {
    for (let i = 0; i < turns; i++) if (!this.machine.kernel.scheduler.step()) return;
  }

  settle(): void {
    this.machine.kernel.scheduler.settle();
  }
}

export class Vm {
  readonly site: Site;
  readonly process: Process;
  readonly container: ContainerClient;
  readonly device: DeviceClient;
  readonly ram: number;
  /** One for each of the first two vectors. */
  readonly events = [new EventFd(), new EventFd()] as const;

  constructor(site: Site, process: Process, bdf: string, group: string) {
    this.site = site;
    this.process = process;
    this.container = new ContainerClient(process, new Scratch(process, 0x4_0000));
    const device = this.container.openDevice(this.container.addGroup(group), bdf);
    if (typeof device === 'number') throw new Error(`${bdf} does not open: ${device}`);
    this.device = device;
    this.ram = process.memory.allocate(RAM);
    const mapped = this.container.map(this.ram, RAM_AT, RAM);
    if (mapped < 0) throw new Error(`the guest's memory is not mapped: ${mapped}`);
    device.write(PCI_REGION.CONFIG, COMMAND, 2, MASTER);
    const armed = device.setIrqs(
      MSIX_INDEX,
      0,
      this.events.map((event) => process.files.install(event)),
    );
    if (armed < 0) throw new Error(`vectors: ${armed}`);
  }

  /** Guest memory, by offset. */
  peek(offset: number, length: number): Uint8Array {
    return this.process.memory.read(this.ram + offset, length)!;
  }

  poke(offset: number, bytes: Uint8Array): void {
    this.process.memory.write(this.ram + offset, bytes);
  }

  /** Up to `length` bytes of a data file, or an errno. */
  read(fd: number, length: number): Uint8Array | number {
    const { address } = this.container.scratch;
    const result = this.process.read(fd, address, length);
    return result < 0 ? result : this.process.memory.read(address, result)!;
  }

  write(fd: number, bytes: Uint8Array): number {
    const { address } = this.container.scratch;
    this.process.memory.write(address, bytes);
    return this.process.write(fd, address, bytes.length);
  }

  /** Reads until the end, or the temporary end, of a stream. */
  readAll(fd: number, chunk = 0x4_0000): { bytes: Uint8Array; last: number } {
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = this.read(fd, chunk);
      if (typeof part === 'number' || part.length === 0)
        return { bytes: Buffer.concat(parts), last: typeof part === 'number' ? part : 0 };
      parts.push(part);
    }
  }
}
