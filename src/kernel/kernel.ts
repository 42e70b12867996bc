/** The kernel of one machine: its bus, device nodes, sysfs, and the processes that run on it. */
import type { Hardware } from '../../sim/hardware.ts';
import type { Scheduler, Task } from '../../sim/scheduler.ts';
import { HANG } from '../../sim/scheduler.ts';
import { AddressSpace } from './address-space.ts';
import { Devfs } from './devfs.ts';
import { FaultInjection } from './fault-injection.ts';
import type { OpenFile } from './file.ts';
import type { OpenFlags, PathLookup } from './path-lookup.ts';
import { PciBus } from './pci/bus.ts';
import { type Capability, Process, type User } from './process.ts';
import { iommuGroups } from './sysfs/iommu-group.ts';
import { type Directory, directory } from './sysfs/node.ts';
import { type Extra, pciDevices } from './sysfs/pci-device.ts';
import { driversProbe, pciDrivers, rescan } from './sysfs/pci-driver.ts';
import { Sysfs } from './sysfs/tree.ts';

/** Everything root may do. */
export const ALL_CAPABILITIES: readonly Capability[] = [
  'CAP_SYS_RAWIO',
  'CAP_IPC_LOCK',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_ADMIN',
];

export class Kernel implements PathLookup {
  readonly hardware: Hardware;
  readonly scheduler: Scheduler;
  readonly devfs = new Devfs();
  /** Makes allocations, copies, descriptors and commands fail on request. */
  readonly faults = new FaultInjection();
  /** Every process that was started. */
  readonly processes: Process[] = [];
  readonly bus: PciBus;
  readonly sysfs: Sysfs;
  /** Directories other subsystems add under /sys/bus/pci/devices/BDF (vfio-dev). */
  deviceExtra: Extra = () => ({});
  /** Directories other subsystems add under /sys/class (mdev parents). */
  readonly classes: Record<string, () => Directory> = {};
  /** Buses beside PCI, under /sys/bus, and devices without hardware, under /sys/devices/virtual. */
  readonly buses: Record<string, () => Directory> = {};
  readonly virtualDevices: Record<string, () => Directory> = {};
  /** Directories of loaded modules under /sys/module, with their parameters. */
  readonly modules: Record<string, () => Directory> = {};

  /** Directories other subsystems add under /sys/kernel/debug. */
  readonly debug: Record<string, () => Directory> = {};

  private readonly root: User = { lockedPages: 0 };

  constructor(hardware: Hardware) {
    this.hardware = hardware;
    this.scheduler = hardware.scheduler;
    this.bus = new PciBus(hardware, this.faults);
    this.sysfs = new Sysfs(this.tree());
  }

  /** Starts a process; root's, with all that root may do, unless told otherwise. */
  process(name: string, capabilities: Iterable<Capability> = ALL_CAPABILITIES, user: User = this.root): Process {
    const memory = new AddressSpace(this.hardware.memory, name);
    const process = new Process(name, memory, this.scheduler, this, capabilities, user, this.faults);
    this.processes.push(process);
    return process;
  }

  /** Runs kernel work (module loading, probing) to its end. A hang here is a fault of the emulator. */
  run<T>(task: Task<T>): T {
    const result = this.scheduler.run(task);
    if (result === HANG) throw new Error('kernel work waits for something that can never happen');
    return result;
  }

  open(caller: Process, path: string, how: OpenFlags): OpenFile | number {
    return path.startsWith('/sys/') ? this.sysfs.open(path, how) : this.devfs.open(caller, path, how);
  }

  readlink(path: string): string | number {
    return this.sysfs.readlink(path);
  }

  readdir(path: string): string[] | number {
    return this.sysfs.readdir(path);
  }

  private tree(): Directory {
    const bus = this.bus;
    return directory({
      bus: () =>
        directory({
          pci: () =>
            directory({
              devices: () => pciDevices(bus, this.deviceExtra),
              drivers: () => pciDrivers(bus),
              drivers_probe: () => driversProbe(bus),
              rescan: () => rescan(bus),
            }),
          ...this.buses,
        }),
      devices: () => directory({ virtual: () => directory(this.virtualDevices) }),
      kernel: () => directory({ iommu_groups: () => iommuGroups(bus), debug: () => directory(this.debug) }),
      class: () => directory(this.classes),
      module: () => directory(this.modules),
    });
  }
}
