/** Interrupt confinement: an eventfd is signalled only by a vector that its owner armed with it. */
import { Buffer } from 'node:buffer';
import type { InterruptEvent } from '../../../sim/fabric.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';
import { coreOf } from '../pci/core-of.ts';
import type { IrqRequest } from '../pci/irq-model.ts';
import { isUp } from '../pci/is-up.ts';
import { vectorOf } from '../pci/vector-of.ts';
import { type IrqFacts, irqFacts } from '../reference/device-facts.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const INTERRUPT_CONFINEMENT: Property = {
  name: 'interrupt confinement',
  promise:
    'An eventfd is signalled only by an interrupt that its owner armed with it, of the function it owns; and one that is armed arrives.',
  observes:
    'Every interrupt message at the fabric, every signal on an eventfd of a tenant, and every answer of SET_IRQS to a range or a combination of flags that the uAPI rules out; of PCI functions also the line of INTx after each call, errors, requests and wake-ups of the host, what GET_IRQ_INFO tells, and every message that a device sends on a vector that is armed.',
  allows: [
    'an owner that signals its own eventfd (DATA_NONE and DATA_BOOL triggers, its own writes)',
    'a message of a function that its user put to sleep, or whose mastering or messages it switched off',
  ],
};

const NAME = INTERRUPT_CONFINEMENT.name;
/** What a host does that it tells the user by an eventfd. */
export type HostEvent = 'err' | 'req';

const HOST_EVENTS: readonly HostEvent[] = ['err', 'req'];

export class InterruptConfinement implements Check {
  readonly property = INTERRUPT_CONFINEMENT;
  private readonly world: World;
  /** The message under way: set just before its handler runs. */
  private message: { fn: PciFunction; vector: number } | undefined;
  private asleep = false;
  /** The tenant whose own call may signal its eventfds. */
  cause: Tenant | undefined;
  /** Which of them; undefined: any. */
  private caused: readonly number[] | undefined;
  /** What the host tells the tenant's user now. */
  private told: { readonly tenant: Tenant; readonly event: HostEvent } | undefined;

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    const { machine, tenants } = this.world;
    machine.hardware.fabric.events.on('interrupt', (event) => this.onInterrupt(event));
    for (const tenant of tenants)
      for (const [index, { file }] of tenant.events.entries())
        file.listen((kind) => {
          if (kind === 'signal') this.onSignal(tenant, index);
        });
  }

  /** The tenant wrote to the region that holds the table of messages. */
  tableWritten(before: Uint8Array, now: Uint8Array): void {
    if (Buffer.compare(before, now) !== 0)
      this.world.violate(NAME, 'a write to its region changes the table of messages');
  }

  /** SET_IRQS took what the uAPI rules out. */
  accepted(what: string): void {
    this.world.violate(NAME, `SET_IRQS accepts ${what}`);
  }

  /** The tenant calls its device, which may sleep, … */
  waking(tenant: Tenant): void {
    const core = this.world.profile.pci && coreOf(this.world.machine, tenant.bdf);
    this.asleep = tenant.pending === 0 && tenant.pci.irqs.wake >= 0 && core?.power.isSuspended === true;
  }

  /** … and has woken it: who let it sleep was told, if it had asked for that. */
  woke(tenant: Tenant): void {
    if (this.asleep && this.world.watched && tenant.pci.irqs.wake >= 0)
      this.world.violate(NAME, 'the user is not told that its device was woken');
    this.asleep = false;
  }

  /** The device says what it has of an index. */
  toldIndex(tenant: Tenant, index: number, told: IrqFacts): void {
    if (this.world.profile.pci === undefined) return;
    const due = irqFacts(tenant.fn!, index);
    if (due === undefined || told.count !== due.count || told.flags !== due.flags)
      this.world.violate(NAME, `index ${index} is told to have ${told.count} interrupts and flags ${told.flags}`);
  }

  /** The owner has signalled by hand what is armed (`armed` < 0: nothing is). */
  triggered(tenant: Tenant, armed: number, result: number): void {
    if (!this.world.watched || tenant.pending > 0) return;
    const came = tenant.pci.signals.includes(armed);
    if (armed >= 0 && !(result === 0 && came))
      this.world.violate(NAME, 'an eventfd that is armed is not signalled by hand');
  }

  /** Whatever the tenant's call signals is its own doing. */
  own(tenant: Tenant): void {
    this.cause = tenant;
    this.caused = undefined;
  }

  /** A SET_IRQS is about to be made, which may be a trigger by hand. */
  triggering(tenant: Tenant, { index, flags, start, count }: IrqRequest): void {
    if ((flags & IRQ_SET.ACTION_TRIGGER) === 0 || flags & IRQ_SET.DATA_EVENTFD || count > 64) return;
    const { irqs } = tenant.pci;
    this.cause = tenant;
    if (index === PCI_IRQ.INTX) this.caused = [irqs.intx];
    else if (index === PCI_IRQ.ERR) this.caused = [irqs.err];
    else if (index === PCI_IRQ.REQ) this.caused = [irqs.req];
    else this.caused = irqs.unsure ? undefined : irqs.messages.slice(start, start + count);
  }

  /** The tenant writes to its own eventfd. */
  writing(tenant: Tenant, event: number): void {
    this.cause = tenant;
    this.caused = [event];
  }

  /** The host is about to tell the tenant's user of something, … */
  telling(tenant: Tenant, event: HostEvent): void {
    this.told = { tenant, event };
    tenant.pci.signals.length = 0;
  }

  /** … and has: an eventfd that was armed for it must have been signalled. */
  toldOf(tenant: Tenant): void {
    const { told, world } = this;
    this.told = undefined;
    if (told === undefined || !world.watched || tenant.pending > 0) return;
    const armed = tenant.pci.irqs[told.event];
    if (armed >= 0 && !tenant.pci.signals.includes(armed))
      world.violate(NAME, `the user is not told of an ${told.event === 'err' ? 'error' : 'request'} of the host`);
  }

  /** The host had nothing to tell. */
  untold(): void {
    this.told = undefined;
  }

  /** The device is about to send the message of a vector, … */
  raising(tenant: Tenant): void {
    tenant.pci.signals.length = 0;
  }

  /** … and has sent it: what is armed with the vector must have been signalled. */
  raised(tenant: Tenant, vector: number): void {
    const armed = tenant.pci.irqs.messages[vector] ?? -1;
    if (this.world.watched && armed >= 0 && !tenant.pci.signals.includes(armed))
      this.world.violate(NAME, `vector ${vector} is armed and its message does not arrive`);
  }

  after(tenant: Tenant): void {
    const { profile, watched } = this.world;
    this.cause = this.message = undefined;
    if (profile.pci === undefined || !watched || tenant.pending > 0 || tenant.device === undefined) return;
    const { irqs, lowPower, muted } = tenant.pci;
    // Asleep the line is masked whatever comes, and a reset on waking may lower it.
    if (!lowPower) irqs.cameUntold(isUp(tenant.fn!));
    const core = coreOf(this.world.machine, tenant.bdf);
    if (core !== undefined && !irqs.unsure)
      for (const event of HOST_EVENTS)
        if (
          (event === 'err' ? core.errTrigger : core.reqTrigger) !==
          (irqs[event] < 0 ? undefined : tenant.events[irqs[event]]!.file)
        )
          this.world.violate(NAME, `what tells of ${event} is not what its owner armed`);
    if (irqs.type !== PCI_IRQ.INTX || irqs.intx < 0 || irqs.masked || irqs.disabled) return;
    if (irqs.deferred || irqs.unsure) return;
    const { fn } = tenant;
    if (isUp(fn!) && fn!.powerState === 0 && !lowPower && !muted)
      this.world.violate(NAME, 'a line that is up and unmasked does not interrupt');
  }

  private onInterrupt({ requester, vector }: InterruptEvent): void {
    if (vector.requesterId !== requester.aliasId)
      this.world.violate(NAME, `${requester.name} raises a vector of another function`);
    const number = this.world.profile.pci === undefined ? vector.index : vectorOf(requester, vector);
    this.message = { fn: requester, vector: number };
  }

  private onSignal(tenant: Tenant, index: number): void {
    const own = this.cause === tenant && (this.caused === undefined || this.caused.includes(index));
    const message = this.message;
    tenant.pci.signals.push(index);
    if (own) {
      // A call of which nobody knows what it signals wakes the device like any other.
      if (tenant.pci.irqs.wake === index) woken(tenant);
      return;
    }
    this.message = undefined;
    const say = (text: string): void =>
      this.world.violate(NAME, `eventfd ${index} of tenant ${tenant.name} is signalled ${text}`);
    if (tenant.fn === undefined) {
      // An emulated device interrupts inside the call of its own user.
      if (this.world.actor !== tenant.name) say(`by what ${this.world.actor} does`);
      else if (!tenant.armed.includes(index)) say('though nothing is armed with it');
    } else if (this.world.profile.pci !== undefined) this.onSignalOfFunction(tenant, index, message, say);
    else if (message === undefined) say('without an interrupt');
    else if (message.fn !== tenant.fn) say(`by ${message.fn.name}`);
    else if (tenant.pending === 0 && !tenant.armed.includes(index)) say('though no vector is armed with it');
  }

  private onSignalOfFunction(
    tenant: Tenant,
    index: number,
    message: { fn: PciFunction; vector: number } | undefined,
    say: (text: string) => void,
  ): void {
    const { irqs } = tenant.pci;
    // A call to a sleeping device wakes it, and the line that was masked for its sleep is unmasked with that.
    const calm = tenant.pending === 0 && !irqs.unsure && !tenant.pci.lowPower;
    if (message !== undefined) {
      if (message.fn !== tenant.fn) say(`by ${message.fn.name}`);
      else if (calm && irqs.messages[message.vector] !== index)
        say(`by vector ${message.vector}, which is not armed with it`);
      return;
    }
    const { told } = this;
    if (told?.tenant === tenant && irqs[told.event] === index) return;
    if (irqs.wake === index) {
      // Whoever woke the device: its user is told once, and low power is over.
      return woken(tenant);
    }
    if (
      irqs.type === PCI_IRQ.INTX &&
      (irqs.intx === index || irqs.replaced === index) &&
      (isUp(tenant.fn!) || irqs.deferred)
    ) {
      if (calm && irqs.masked && !irqs.deferred) say('by a line that is masked');
      irqs.masked = true;
      return;
    }
    if (calm) say('though nothing that is armed with it has happened');
  }
}

function woken({ pci }: Tenant): void {
  pci.irqs.wake = -1;
  pci.lowPower = false;
  pci.woken = true;
}
