/** A machine with an mlx5 card and two open VFs, for this variant's tests. */
import { type ModelOptions, mlx5Models, PfModel } from '../../sim/devices/mlx5/index.ts';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import type { Task } from '../../sim/scheduler.ts';
import { ContainerClient } from '../../src/client/container.ts';
import type { DeviceClient } from '../../src/client/device.ts';
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { ParentEvent } from '../../src/variant/interaction.ts';
import type { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { dataOf, mlx5 } from '../../variants/mlx5/index.ts';

/** One VF in a user's hands. */
export interface OpenVf {
  readonly pdev: PciDevice;
  readonly process: Process;
  readonly device: DeviceClient;
  /** The driver's own device. */
  readonly vf: Mlx5VfDevice;
  /** A page of the user's memory for what no client does. */
  readonly buffer: number;
}

export class Bench {
  readonly machine: Machine;
  readonly pf: PciDevice;
  /** Names of parent interactions since {@link forget}, oldest first. */
  readonly calls: ParentEvent[] = [];

  constructor(options: ModelOptions = {}) {
    this.machine = new Machine(mlx5Machine, { variants: [mlx5], models: mlx5Models(options), fill: 0xaa });
    this.machine.observers.observer = (event) => {
      if (event.phase === 'enter') this.calls.push(event);
    };
    this.pf = [...this.machine.kernel.bus.devices.values()].find((device) => device.device === 0x101d)!;
    this.pf.sriovDriversAutoprobe = false;
    this.run(this.pf.driver!.sriovConfigure!(this.pf, 2) as Task<number>);
    for (const vf of this.pf.virtfns) {
      vf.driverOverride = 'mlx5-vfio-pci';
      this.run(this.machine.kernel.bus.autoprobe(vf));
    }
  }

  get card(): PfModel {
    const { model } = this.pf.function;
    if (!(model instanceof PfModel)) throw new Error('the PF is no mlx5 card');
    return model;
  }

  run<T>(task: Task<T>): T {
    return this.machine.kernel.run(task);
  }

  /** Lets everything that is under way end. */
  settle(): void {
    this.machine.kernel.scheduler.settle();
  }

  /** Opens VF `index`, whatever it can do, in a process of its own. */
  openPlain(index: number, process = this.machine.process(`user ${index}`)): DeviceClient {
    const pdev = this.pf.virtfns[index]!;
    const container = new ContainerClient(process);
    const device = container.openDevice(container.addGroup(pdev.group!.id), pdev.name);
    if (typeof device === 'number') throw new Error(`VF ${index} does not open: ${device}`);
    return device;
  }

  /** Opens a migratable VF. */
  open(index: number): OpenVf {
    const pdev = this.pf.virtfns[index]!;
    const process = this.machine.process(`user ${index}`);
    const device = this.openPlain(index, process);
    return { pdev, process, device, vf: dataOf(pdev).migratable!.vf, buffer: process.memory.allocate(0x10_0000) };
  }

  /** Interactions so far, by name; arguments of interest in brackets. */
  get names(): string[] {
    return this.calls.map(({ interaction, args }) => {
      if ('opMod' in args) return `${interaction} ${args.opMod}`;
      if ('track' in args) return `${interaction} inc=${Number(args.incremental)} track=${Number(args.track)}`;
      return 'incremental' in args ? `${interaction} inc=${Number(args.incremental)}` : interaction;
    });
  }

  forget(): void {
    this.calls.length = 0;
  }
}

/** Reads from a data file: bytes, or a negated errno. */
export function read({ process, buffer }: OpenVf, fd: number, length = 0x10_0000): Uint8Array | number {
  const result = process.read(fd, buffer, length);
  return result < 0 ? result : process.memory.read(buffer, result)!;
}

/** Writes to a data file. */
export function write({ process, buffer }: OpenVf, fd: number, bytes: Uint8Array): number {
  process.memory.write(buffer, bytes);
  return process.write(fd, buffer, bytes.length);
}

/** Reads until the stream ends or something else than bytes comes. */
export function readAll(user: OpenVf, fd: number, piece = 0x10_0000): { bytes: Uint8Array; last: number } {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = read(user, fd, piece);
    if (typeof part === 'number' || part.length === 0)
      return { bytes: Buffer.concat(parts), last: typeof part === 'number' ? part : 0 };
    parts.push(part);
  }
}
