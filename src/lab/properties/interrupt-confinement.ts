/** Interrupt confinement: an eventfd is signalled only by a vector that its owner armed with it. */
import type { InterruptEvent } from '../../../sim/fabric.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const INTERRUPT_CONFINEMENT: Property = {
  name: 'interrupt confinement',
  promise:
    'An eventfd is signalled only by an interrupt that its owner armed with it, of the function it owns; and one that is armed arrives.',
  observes:
    'Every interrupt message at the fabric, every signal on an eventfd of a tenant, and every answer of SET_IRQS to a range or a combination of flags that the uAPI rules out.',
  allows: ['an owner that signals its own eventfd (DATA_NONE and DATA_BOOL triggers, its own writes)'],
};

const NAME = INTERRUPT_CONFINEMENT.name;

export class InterruptConfinement implements Check {
  readonly property = INTERRUPT_CONFINEMENT;
  private readonly world: World;
  /** The message under way: set just before its handler runs. */
  private message: { fn: PciFunction; vector: number } | undefined;
  /** The tenant whose own call may signal its eventfds. */
  cause: Tenant | undefined;

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

  /** SET_IRQS took what the uAPI rules out. */
  accepted(what: string): void {
    this.world.violate(NAME, `SET_IRQS accepts ${what}`);
  }

  private onInterrupt({ requester, vector }: InterruptEvent): void {
    if (vector.requesterId !== requester.aliasId)
      this.world.violate(NAME, `${requester.name} raises a vector of another function`);
    this.message = { fn: requester, vector: vector.index };
  }

  private onSignal(tenant: Tenant, index: number): void {
    if (this.cause === tenant) return;
    const message = this.message;
    this.message = undefined;
    const say = (text: string): void =>
      this.world.violate(NAME, `eventfd ${index} of tenant ${tenant.name} is signalled ${text}`);
    if (tenant.fn === undefined) {
      // An emulated device interrupts inside the call of its own user.
      if (this.world.actor !== tenant.name) say(`by what ${this.world.actor} does`);
      else if (!tenant.armed.includes(index)) say('though nothing is armed with it');
    } else if (message === undefined) say('without an interrupt');
    else if (message.fn !== tenant.fn) say(`by ${message.fn.name}`);
    else if (tenant.pending === 0 && !tenant.armed.includes(index)) say('though no vector is armed with it');
  }
}
