/** A machine that runs: hardware from a description, a kernel on it, the VFIO core, and the drivers loaded. */
import { builtInModels, type CommandFailure } from '../../sim/devices/index.ts';
import type { ModelTable } from '../../sim/hardware.ts';
import { Hardware } from '../../sim/hardware.ts';
import type { PagePool } from '../../sim/memory.ts';
import type { MachineDescription } from '../../sim/pci/description.ts';
import { Context } from '../iommufd/context.ts';
import { IommufdFile } from '../iommufd/file.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { PciDriver } from '../kernel/pci/driver.ts';
import { disableSriov, enableSriov } from '../kernel/pci/sriov.ts';
import type { Capability, Process } from '../kernel/process.ts';
import { VfioPci, type VfioPciParameters } from '../pci-core/vfio-pci.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { ParentObservers } from '../variant/interaction.ts';
import type { VariantModule } from '../variant/variant.ts';
import { VfioCore } from '../vfio/core.ts';
import { vfioDebug } from '../vfio/debugfs.ts';
import { vfioDevEntries } from '../vfio/sysfs.ts';
import { NATIVE_DRIVERS } from './native.ts';
import { type VfioParameters, vfioModules } from './vfio-modules.ts';

/** A kernel module that needs no hardware: it finds its place in the kernel by itself. */
export type HostModule = (host: { readonly kernel: Kernel; readonly vfio: VfioCore }) => void;

/** What can be chosen when a machine is built. */
export interface MachineOptions {
  /** Variant modules to load, with their parents. */
  readonly variants?: readonly VariantModule[];
  /** Other modules to load, e.g. those that make mediated devices. */
  readonly modules?: readonly HostModule[];
  readonly parameters?: Partial<VfioParameters>;
  /** Parameters of vfio-pci, where they differ from the defaults; SR-IOV is allowed unless they say otherwise. */
  readonly vfioPci?: Partial<VfioPciParameters>;
  /** What memory that the kernel does not clear reads as. */
  readonly fill?: number;
  /** Where memory pages come from and go back to; a campaign passes one from machine to machine. */
  readonly pool?: PagePool;
  /** Device models beside the built-in ones, or how to make them: firmware that can fail asks what it is given first. */
  readonly models?: ModelTable | ((failNext: CommandFailure) => ModelTable);
}

const PARAMETERS: VfioParameters = {
  noiommu: false,
  allowUnsafeInterrupts: false,
  iommufdAllowUnsafeInterrupts: false,
  dmaEntryLimit: 65535,
};

/** One machine, booted: variants and their parents first, then the host’s own drivers and vfio-pci. */
export class Machine {
  readonly description: MachineDescription;
  readonly hardware: Hardware;
  readonly kernel: Kernel;
  readonly vfio: VfioCore;
  /** Where a monitor can watch what variants ask of their parents. */
  readonly observers: ParentObservers = {};

  constructor(description: MachineDescription, options: MachineOptions = {}) {
    this.description = description;
    let kernel: Kernel | undefined;
    const failNext: CommandFailure = (opcode) => kernel?.faults.command.status(opcode);
    const own = typeof options.models === 'function' ? options.models(failNext) : options.models;
    const models = { ...builtInModels(failNext), ...own };
    this.hardware = new Hardware(description, models, options.fill ?? 0, options.pool);
    this.kernel = kernel = new Kernel(this.hardware);
    const parameters = { ...PARAMETERS, ...options.parameters };
    const { devfs, scheduler, faults } = this.kernel;
    this.vfio = new VfioCore({ devfs, scheduler, parameters, faults });
    this.kernel.deviceExtra = ({ name }) => vfioDevEntries(this.vfio.deviceNamed(name));
    this.kernel.debug['vfio'] = () => vfioDebug(this.vfio);
    this.kernel.devfs.register('/dev/iommu', ({ faults }) =>
      // iommufd_fops_open
      faults.allocation.fails()
        ? -ERRNO.ENOMEM
        : new IommufdFile('/dev/iommu', new Context(parameters, 'user', faults)),
    );
    for (const module of options.variants ?? []) this.loadVariant(module);
    const vfioPci = new VfioPci(this.vfio, { enable_sriov: true, ...options.vfioPci });
    for (const driver of [...NATIVE_DRIVERS, vfioPci.driver]) this.load(driver);
    for (const load of options.modules ?? []) load(this);
    Object.assign(this.kernel.modules, vfioModules(parameters, vfioPci.parameters));
  }

  /** The machine is no longer used. Nothing of it may be called after this. */
  dispose(): void {
    this.hardware.memory.dispose();
  }

  /** Loads a driver; devices it matches are bound. */
  load(driver: PciDriver): void {
    this.kernel.run(this.kernel.bus.registerDriver(driver));
  }

  loadVariant(module: VariantModule): void {
    const sriov = { enable: enableSriov, disable: disableSriov };
    const { variant, parents } = module.drivers({ vfio: this.vfio, sriov, observers: this.observers });
    for (const driver of [...parents, variant]) this.load(driver);
  }

  /** Starts a process; root unless capabilities are given. */
  process(name: string, capabilities?: Iterable<Capability>): Process {
    return capabilities === undefined ? this.kernel.process(name) : this.kernel.process(name, capabilities);
  }

  /** The configuration space of a function as the hardware holds it, looked at without touching anything. */
  configSpace(bdf: string): Uint8Array | undefined {
    return this.kernel.bus.devices.get(bdf)?.function.config.bytes.slice();
  }

  /** Whether a recorded register value of the function can be compared. */
  liveRegisters(bdf: string): boolean {
    return this.kernel.bus.devices.get(bdf)?.function.template.description.liveRegisters ?? false;
  }
}
