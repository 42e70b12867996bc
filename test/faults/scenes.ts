/** Machines with a user, at the point where a call is to be made. */
import type { ModelTable } from '../../sim/hardware.ts';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recordedNoLinkActive } from '../../sim/machines/recorded.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';
import { ContainerClient, type DeviceClient, IommufdClient, Scratch } from '../../src/client/index.ts';
import type { PciDevice, Process } from '../../src/kernel/index.ts';
import { EventFd } from '../../src/kernel/index.ts';
import { bindTo, firstVfs } from '../../src/lab/profiles/assign-functions.ts';
import { Machine, type MachineOptions } from '../../src/machine/index.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';
import { mtty } from '../../variants/mtty/index.ts';
import type { Scene } from './prove.ts';

/** A function with INTx and MSI, on the root bus. */
export const EDU = '0000:00:03.0';
/** A function with MSI-X, alone behind its port. */
export const NVME = '0000:02:00.0';
/** A PF whose VFs the host makes. */
export const IGB = '0000:01:00.0';
export const PAGE = 0x1000;
export const IOVA = 0x10_0000;

const TYPES = '/sys/devices/virtual/mtty/mtty/mdev_supported_types';
export const UUID = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001';

/** One process on a machine, with room for arguments. */
export class Desk implements Pick<Scene, 'machine'> {
  readonly machine: Machine;
  readonly process: Process;
  readonly scratch: Scratch;
  /** A page that a test may do with what it likes. */
  readonly page: number;

  constructor(machine: Machine) {
    this.machine = machine;
    this.process = machine.process('user');
    this.scratch = new Scratch(this.process, 0x8000);
    this.page = this.process.memory.allocate(16 * PAGE);
  }

  /** The scene of a call at this desk. */
  scene(call: () => number): Scene {
    return { machine: this.machine, call };
  }

  /** An ioctl whose argument is 32-bit words. */
  ioctl(fd: number, command: number, ...words: readonly number[]): number {
    this.process.memory.write(this.page, new Uint8Array(Uint32Array.from(words).buffer));
    return this.process.ioctl(fd, command, this.page);
  }

  /** Writes a text into a file that is open. */
  write(fd: number, text: string): number {
    this.process.memory.write(this.page, Buffer.from(text));
    return this.process.write(fd, this.page, text.length);
  }

  /** Opens an attribute for writing. */
  attribute(path: string): number {
    return checked(this.process.open(path, { read: false, write: true, nonblock: false }));
  }

  /** A new eventfd. */
  eventfd(): number {
    return checked(this.process.files.install(new EventFd()));
  }

  pdev(bdf: string): PciDevice {
    return this.machine.kernel.bus.devices.get(bdf)!;
  }
}

/** The result, if it is none of an error. */
export function checked(result: number): number {
  if (result < 0) throw new Error(`the scene cannot be set: ${result}`);
  return result;
}

/** The recorded machine, with some functions given to vfio-pci. */
export function vfioDesk(functions: readonly string[] = [EDU], options: MachineOptions = {}): Desk {
  const desk = new Desk(new Machine(recordedNoLinkActive, options));
  for (const bdf of functions) give(desk, bdf);
  return desk;
}

/** Gives a function to vfio-pci. */
export function give(desk: Desk, bdf: string, driver = 'vfio-pci'): void {
  const pdev = desk.pdev(bdf);
  desk.machine.kernel.run(desk.machine.kernel.bus.unbind(pdev));
  bindTo(desk.machine, driver, [pdev]);
}

/** A container with the group of a function, and a type1 IOMMU. */
export class GroupDesk {
  readonly desk: Desk;
  readonly container: ContainerClient;
  readonly group: number;
  readonly bdf: string;

  constructor(bdf = EDU, desk = vfioDesk([bdf])) {
    this.desk = desk;
    this.bdf = bdf;
    this.container = new ContainerClient(desk.process, desk.scratch);
    this.group = checked(this.container.addGroup(desk.pdev(bdf).group!.id));
  }

  /** The device of the group, open. */
  device(): DeviceClient {
    const device = this.container.openDevice(this.group, this.bdf);
    if (typeof device === 'number') throw new Error(`${this.bdf} does not open: ${device}`);
    return device;
  }

  scene(call: () => number): Scene {
    return this.desk.scene(call);
  }
}

/** An open function, and calls on it. */
export function opened(bdf = EDU): { readonly place: GroupDesk; readonly desk: Desk; readonly device: DeviceClient } {
  const place = new GroupDesk(bdf);
  return { place, desk: place.desk, device: place.device() };
}

/** A desk on a machine of the iommufd tests' kind. */
export function iommufdDesk(description: MachineDescription, models: ModelTable): Desk {
  return new Desk(new Machine(description, { models }));
}

/** An iommufd, and the character device of a function that is not bound yet. */
export function cdev(bdf = EDU): { readonly desk: Desk; readonly iommufd: IommufdClient; readonly fd: number } {
  const desk = vfioDesk([bdf]);
  const iommufd = new IommufdClient(desk.process, '/dev/iommu', desk.scratch);
  return { desk, iommufd, fd: checked(desk.process.open(cdevPath(desk, bdf))) };
}

/** /dev/vfio/devices/vfioN of a function. */
export function cdevPath(desk: Desk, name: string): string {
  return `/dev/vfio/devices/vfio${desk.machine.vfio.deviceNamed(name)!.index}`;
}

/** A migratable VF of an mlx5 card that nobody has opened yet. */
export function migratableVf(): { readonly desk: Desk; readonly name: string } {
  const desk = new Desk(new Machine(mlx5Machine, { variants: [mlx5] }));
  const [vf] = firstVfs(desk.machine, '0000:01:00.0', 2);
  bindTo(desk.machine, 'mlx5-vfio-pci', [vf]);
  return { desk, name: vf.name };
}

/** The same, open. */
export function migratable(): { readonly desk: Desk; readonly device: DeviceClient } {
  const { desk, name } = migratableVf();
  return { desk, device: new GroupDesk(name, desk).device() };
}

/** The attribute that makes mediated serial cards. */
export function serialHost(): { readonly desk: Desk; readonly create: number } {
  const desk = new Desk(new Machine(mlx5Machine, { modules: [mtty.load] }));
  return { desk, create: desk.attribute(`${TYPES}/mtty-2/create`) };
}

/** A serial card, open through its group. */
export function serial(): { readonly desk: Desk; readonly device: DeviceClient; readonly container: ContainerClient } {
  const { desk, create } = serialHost();
  checked(desk.write(create, UUID));
  const container = new ContainerClient(desk.process, desk.scratch);
  const group = checked(container.addGroup(desk.machine.vfio.deviceNamed(UUID)!.group!.id));
  const device = container.openDevice(group, UUID);
  if (typeof device === 'number') throw new Error(`the card does not open: ${device}`);
  return { desk, device, container };
}
