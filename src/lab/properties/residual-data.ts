/** Residual data: nothing that was somebody else's, and nothing uncleared, comes out of the kernel or a device. */
import { Buffer } from 'node:buffer';
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { VfioPciCoreDevice } from '../../pci-core/core-device.ts';
import { coreOf } from '../pci/core-of.ts';
import { configReference } from '../reference/config-access.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESIDUAL_DATA: Property = {
  name: 'residual data',
  promise:
    'No answer holds bytes of memory that the kernel did not clear, none is longer than was asked for, and a device that was closed or reset keeps nothing of who had it before.',
  observes:
    'Two runs that differ only in what uncleared kernel memory holds; guard bytes behind the memory of every call’s argument, and before and behind bitmaps; data files after their session; every bit of a device after a reset; a PCI function and what VFIO keeps of it when it is opened again, held against the first time.',
  allows: [
    'what the tenant itself left in its device, as far as the driver declares that it stays over a close',
    'what a user wrote to a function that nothing resets',
  ],
};

const NAME = RESIDUAL_DATA.name;
/** STATUS, and the line of the interrupt: an interrupt that is pending says nothing of who had the device. */
const STATUS = [0x06, 0x07] as const;

/** Bytes looked at before a bitmap, and behind it. */
const BESIDE = 64;

/** A function as its first user found it. */
interface Fresh {
  readonly hardware: Uint8Array;
  readonly shown: Uint8Array;
}

export class ResidualData implements Check {
  readonly property = RESIDUAL_DATA;
  private readonly world: World;
  private readonly listening: number;
  private readonly fresh = new Map<Tenant, Fresh>();

  constructor(world: World) {
    this.world = world;
    // The lab itself listens where it watches.
    this.listening = world.watched ? 1 : 0;
  }

  /** A device of hardware was reset: it is as it was when it was new. */
  afterReset(tenant: Tenant): void {
    const { world } = this;
    // What the kernel saved and restored is vfio-pci's own matter, held against the header.
    if (world.profile.kind !== 'function' || world.profile.pci !== undefined || world.raced) return;
    if (Buffer.compare(world.inside.digest(tenant), tenant.asNew) !== 0)
      world.violate(NAME, 'a device that was reset is not as new');
  }

  /** Behind the argument of each call the tenant's memory must be as it was. */
  after(tenant: Tenant): void {
    for (const scratch of tenant.scratches) {
      if (!scratch.guardHolds()) this.world.violate(NAME, 'a call wrote behind the argument it was given');
      if (tenant.pending === 0) scratch.leaveGuard();
    }
  }

  /** An answer was written beside the room that was given for it, or leaves some of that room as it was. */
  beside(call: string): void {
    this.world.violate(NAME, `${call} writes beside the room for its answer, or not all of it`);
  }

  /** A bitmap of so many bits from byte `begin` of its memory on, which was zero: nothing is set before it or behind it. */
  within(bytes: Uint8Array, begin: number, bits: number): void {
    const end = begin + Math.floor(bits / 8);
    const rest = end < bytes.length ? bytes[end]! >> (bits % 8) : 0;
    const clear = (from: number, to: number): boolean => bytes.subarray(from, to).every((byte) => byte === 0);
    if (rest !== 0 || !clear(Math.max(0, begin - BESIDE), begin) || !clear(end + 1, end + 1 + BESIDE))
      this.world.violate(NAME, 'bits are set beside the bitmap that was given');
  }

  /** An answer says how many devices it is about. */
  counted(count: number, expected: number): void {
    if (count !== expected) this.world.violate(NAME, `${count} devices are reported where there are ${expected}`);
  }

  /** The device was closed: nothing that its user set up is left. */
  closed(tenant: Tenant): void {
    const core = this.core(tenant);
    if (core === undefined || core.isOpen) return;
    const left = [
      [!core.irqs.isNone, 'its interrupts'],
      [core.irqs.virqDisabled, 'that INTx is disabled'],
      [core.errTrigger !== undefined || core.reqTrigger !== undefined, 'the eventfds of errors and requests'],
      [core.ioeventfds.size > 0, 'its ioeventfds'],
      [core.mappings.size > 0, 'mappings of its BARs'],
      [(core.dmaBufs?.size ?? 0) > 0, 'its dma-bufs'],
      [core.power.engaged, 'that it is in low power'],
      [core.regions.length > 0, 'its regions'],
      [(tenant.fn!.config.bytes[PCI.COMMAND]! & COMMAND.MASTER) !== 0, 'its mastering of the bus'],
    ] as const;
    for (const { file } of tenant.events)
      if (file.consumers > this.listening) this.world.violate(NAME, 'a device that was closed listens to an eventfd');
    for (const [is, what] of left) if (is) this.world.violate(NAME, `a device that was closed keeps ${what}`);
  }

  /** The device was opened, for the first time or again: it must look as it did at first. */
  opened(tenant: Tenant): void {
    const core = this.core(tenant);
    if (core === undefined || !core.isOpen) return;
    const { fn } = tenant;
    const known = this.fresh.get(tenant);
    if (known === undefined) {
      this.fresh.set(tenant, { hardware: fn!.config.bytes.slice(), shown: core.shadow.vconfig.slice() });
      return;
    }
    const resets = this.world.profile.pci!.resets(tenant, this.world.machine.hardware.topology);
    this.compare('hardware', known.hardware, fn!.config.bytes, tenant, resets);
    this.compare('what is shown of it', known.shown, core.shadow.vconfig, tenant, resets);
  }

  private core({ bdf, fn }: Tenant): VfioPciCoreDevice | undefined {
    return fn === undefined || this.world.profile.pci === undefined ? undefined : coreOf(this.world.machine, bdf);
  }

  private compare(what: string, was: Uint8Array, is: Uint8Array, { fn }: Tenant, resets: boolean): void {
    if (Buffer.compare(was, is) === 0) return;
    const { reached } = configReference(fn!);
    for (let at = 0; at < is.length; at++) {
      // What nothing resets stays as the user left it.
      const bits = (was[at]! ^ is[at]!) & (resets || at < 0x40 ? 0xff : ~reached[at]!);
      if (bits === 0 || (STATUS as readonly number[]).includes(at)) continue;
      return this.world.violate(NAME, `byte ${at.toString(16)} of ${what} is not as new when it is opened again`);
    }
  }
}
