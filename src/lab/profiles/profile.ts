/** What the lab must know of a device to make it work and to look inside: one for each family of devices. */

import type { MachineDescription } from '../../../sim/pci/description.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Topology } from '../../../sim/pci/topology.ts';
import type { Capability, Process } from '../../kernel/process.ts';
import type { Machine, MachineOptions } from '../../machine/machine.ts';
import type { StreamFault } from '../../variant/format.ts';
import type { Args } from '../operations/operation.ts';
import type { Factor, Setting } from '../setting.ts';
import type { Tenant } from '../tenant.ts';
import type { WayKind } from '../ways/way.ts';
import type { World } from '../world.ts';

/** A device that waits for a tenant. */
export interface Assigned {
  /** Its name towards VFIO: a BDF or a UUID. */
  readonly name: string;
  /** In /dev/vfio. */
  readonly group: number | string;
  /** Its character device, e.g. `vfio0`. */
  readonly cdev: string;
  /** The hardware; none behind an emulated device. */
  readonly fn: PciFunction | undefined;
  /** The secret that users of a PF and of its VFs share. */
  readonly token?: Uint8Array;
  /** What the profile itself wants to find again. */
  readonly inner?: unknown;
}

/** The inside of a machine's devices, for checks only. */
export interface Inside {
  /** Every bit of state of a tenant's device, in a form that compares. The bytes are there until the next call. */
  digest(tenant: Tenant): Uint8Array;
  /** What of a device's state no device of its kind comes to by itself, in words; undefined: all is possible. */
  impossible?(tenant: Tenant): string | undefined;
  /** What the host holds on behalf of its tenants, by name; back to this when no session runs. */
  resources(): Readonly<Record<string, number>>;
  /** Tracking contexts the parent holds for a tenant's sessions; none while it has no session. */
  sessions(tenant: Tenant): number;
  /** Commands that the firmware refused because they come at the wrong time; none from a correct driver. */
  illegal(): readonly string[];
  /** Is told of every change of a partition (`pf`, `vf0` ...). */
  onTouch(listener: (partition: string, what: string) => void): void;
}

/** The machine made ready: one device for each tenant. */
export interface Site {
  readonly a: Assigned;
  readonly b: Assigned;
  readonly inside: Inside;
}

/** Registers of 4 bytes in a BAR that are worth touching, and a window on device memory. */
export interface WordRegisters {
  readonly bar: number;
  readonly offsets: readonly number[];
  readonly window?: { readonly offset: number; readonly length: number };
}

/** Work that makes the device use memory. */
export interface DmaWork {
  /** Number of job kinds, and which of them fills memory with the low word of its source. */
  readonly kinds: number;
  readonly fill: number;
  submit(tenant: Tenant, args: Args): number;
}

/** What tenants are that play with DMA mappings. */
export interface BenchSetting {
  readonly capabilities: readonly Capability[];
  /** Mappings that a container with type1 takes. */
  readonly entryLimit: number;
}

/** Firmware that can be made to fail. */
export interface Failures {
  /** Commands worth failing, and the statuses worth failing them with. */
  readonly commands: ReadonlySet<number>;
  readonly statuses: readonly number[];
  /** Commands that give something back: failing, they leave it with the firmware. */
  readonly releases: ReadonlySet<number>;
  /** The commands that load an image, and save one. */
  readonly load: number;
  readonly save: number;
  /** Refusals that are the driver's fault even after an injected failure. */
  readonly neverRefused: ReadonlySet<string>;
}

/** Something in configuration space, as one number that compares, and its name. */
export interface Guarded {
  readonly what: string;
  value(tenant: Tenant): number;
}

/** A PCI function under vfio-pci itself. */
export interface PciWork {
  /** What tenant A does may be seen by B: one has the PF, the other one of its VFs; or whoever closes last resets both. */
  readonly trusting: boolean;
  /** A function of the two is a PF with VFs, or such a VF. */
  readonly vfs: boolean;
  /** Whether the tenant's function can be reset alone, by its registers and its place. */
  resets(tenant: Tenant, topology: Topology): boolean;
}

/** What the settings of a subject are, and the device there is in each. */
export interface Profiles {
  readonly factors: readonly Factor[];
  profile(setting: Setting): DeviceProfile;
}

/** See the head of this file. One object serves all runs: what belongs to a run is kept with its tenants. */
export interface DeviceProfile {
  readonly machine: MachineDescription;
  /** Drivers and models to load. */
  load(): Pick<MachineOptions, 'variants' | 'modules' | 'models' | 'vfioPci'> & { readonly noiommu?: boolean };
  /** What an administrator does before the tenants come: makes the devices, and binds them. */
  assign(machine: Machine, host: Process): Site;
  /** How tenants come to their devices. */
  readonly way: WayKind;
  /** A PCI function below, or a device that the driver makes up. */
  readonly kind: 'function' | 'emulated';
  /** The message interrupts that can be armed: an index of SET_IRQS and its vectors. */
  readonly vectors?: { readonly index: number; readonly count: number };
  /** The device is worked as a PCI function, by all that vfio-pci has for one. */
  readonly pci?: PciWork;
  readonly registers?: WordRegisters;
  readonly dma?: DmaWork;
  /** The tenants play with DMA mappings, beside their devices. */
  readonly bench?: BenchSetting;
  /** Operations that are beside the point. */
  readonly without?: ReadonlySet<string>;
  readonly failures?: Failures;
  /** Serial ports, one a BAR from BAR 0 on, and one interrupt that is either INTx or MSI. */
  readonly serial?: { readonly ports: number };
  /** Closing the device leaves it in its migration state. */
  readonly keepsState?: boolean;
  /** VFIO_MIGRATION_* flags that the device offers; 0: it cannot be migrated. */
  readonly migrationFlags: number;
  /** Writes of the device can be logged. */
  readonly logging: boolean;
  /** What a user's configuration write must not change. */
  readonly guarded: Guarded;
  /** Errnos with which a stream may be refused. */
  readonly streamErrnos: ReadonlySet<number>;
  /** Bytes of every whole stream, where all have the same length: less must not be loaded. */
  readonly streamBytes?: number;
  /** Errnos of a driver that cannot reach its device: a reset is under way, or the user has switched memory off. */
  readonly unreachable?: ReadonlySet<number>;
  /** With which errno a write is refused even before its session is looked at. */
  readonly refusedFirst?: number;
  /** Makes the device ready to work; called after open and after a reset. */
  prepare(tenant: Tenant, world: World): void;
  /** Nothing of a stream takes effect before RESUMING is left, and then all of it does, or nothing. */
  readonly loadsAtEnd?: boolean;
  /** Uses the device right after a load, so that all that was loaded has an effect that its tenant observes. */
  afterLoad?(tenant: Tenant, world: World): void;
  /** Makes the state of the device larger than it was when it was prepared. */
  grow?(tenant: Tenant): void;
  /** Reports of dirty pages take their time: what is written meanwhile is told by the next. */
  readonly reportsLate?: boolean;
  /** Gives the running device something to do, which is on its way when this returns. */
  work?(tenant: Tenant): void;
  /** Sets something of the running device up, or tears it down: what was saved of it at first is not worth much any more. */
  setUp?(tenant: Tenant): void;
  /** What was posted to the device and is not done, though all is at rest; undefined: nothing. */
  unfinished?(tenant: Tenant): string | undefined;
  /** Makes the running device another one than it was, in as much of its state as can be; 0, or a negated errno. */
  disturb(tenant: Tenant, world: World): number;
  /** Changes the device's own data in a valid stream such that the device cannot tell by a sum. */
  forge?(stream: Uint8Array, fault: StreamFault): Uint8Array;
  /** The administrator has the parent take its devices out of service, or serve them again. */
  outage?(world: World, begins: boolean): void;
  /** Called before each run: what lies in the code and not in the machine becomes what the setting says. */
  enter?(): void;
  /** The end of what pre-copy has for now is told from the end of the stream (ENOMSG). */
  readonly tellsNoMore?: boolean;
  /** A stream that was refused stays refused. */
  readonly staysRefused?: boolean;
  /** A valid stream, made by a device of this kind. */
  sample(world: World): Uint8Array;
  /** What the administrator looks at: sysfs, the PF's registers and counters. `what`, below 4, chooses. */
  host(world: World, what: number): Uint8Array;
  /** Pages at the start of a tenant's memory that a neighbour could have written to. */
  readonly memoryPages?: number;
}
