/** What the lab must know of a device to make it work and to look inside: one for each family of hardware. */

import type { ModelTable } from '../../../sim/hardware.ts';
import type { MachineDescription } from '../../../sim/pci/description.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Args } from '../operations/operation.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';

/** The inside of a device, for checks only. */
export interface Inside {
  /** Every bit of state of a VF, in a form that compares. */
  digest(vf: PciFunction): Uint8Array;
  /** What the parent holds on behalf of its VFs, by name; back to this when no session runs. */
  resources(): Readonly<Record<string, number>>;
  /** Tracking contexts held for a VF's sessions; none while it has no session. */
  sessions(vf: PciFunction): number;
  /** Commands that the firmware refused because they come at the wrong time; none from a correct driver. */
  illegal(): readonly string[];
  /** Is told of every change of a partition (`pf`, `vf0` ...). */
  onTouch(listener: (partition: string, what: string) => void): void;
}

/** See the head of this file. One object serves all runs: what belongs to a run is kept with its tenants. */
export interface DeviceProfile {
  readonly machine: MachineDescription;
  /** `0000:bb:dd.f` of the PF, and the driver's name for its VFs. */
  readonly physical: string;
  readonly driver: string;
  /** BAR with the registers, offsets worth touching, and a window on device memory. */
  readonly bar: number;
  readonly registers: readonly number[];
  readonly window: { readonly offset: number; readonly length: number };
  /** Number of job kinds, and which of them fills memory with the low word of its source. */
  readonly jobKinds: number;
  readonly fill: number;
  /** Device models whose firmware asks `fail` before each command: a status instead of doing it, or undefined. */
  models(fail: (opcode: number) => number | undefined): ModelTable;
  /** Commands worth failing, and the statuses worth failing them with. */
  readonly failable: ReadonlySet<number>;
  readonly failures: readonly number[];
  /** Refusals that are the driver's fault even after an injected failure. */
  readonly neverRefused: ReadonlySet<string>;
  /** How the host programmed the function's message interrupts: control and table, as one number that compares. */
  messageControl(vf: PciFunction): number;
  /** Errnos with which a stream may be refused. */
  readonly streamErrnos: ReadonlySet<number>;
  /** Prepares queues so that jobs can run; called after open. */
  prepare(tenant: Tenant, world: World): void;
  /** Makes the device do something with memory. */
  submit(tenant: Tenant, args: Args): number;
  /** A valid stream, made by a device of this kind. */
  sample(world: World): Uint8Array;
  inside(machine: Machine): Inside;
  /** What the administrator looks at: sysfs, the PF's registers and counters. `what` chooses. */
  host(world: World, what: number): Uint8Array;
  /** The end of a run: B and the host look once more, at all there is to see. */
  lastLook(world: World): void;
}
