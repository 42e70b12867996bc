/** The machine of {@link rigMachine} with a user on it, and everything the tests need of the other files here. */
import type { IommuDescription } from '../../sim/pci/description.ts';
import { enableSriov } from '../../src/kernel/pci/sriov.ts';
import { Machine } from '../../src/machine/machine.ts';
import { iommu_hwpt_pgfault } from '../../src/uapi/iommufd.ts';
import { Probe } from '../sim/bare.ts';
import { Device } from './rig-device.ts';
import { ACCELERATOR, rigMachine, VF } from './rig-machine.ts';
import { User } from './rig-user.ts';

export type { Device } from './rig-device.ts';
export { ACCELERATOR, PAIR, PLAIN, TWINS } from './rig-machine.ts';
export { type Fields, UNMAPPED, User } from './rig-user.ts';

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
