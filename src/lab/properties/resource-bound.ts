/** Resource bound: a tenant holds no more of the host than its limits say, and nothing once it has left. */
import { type Ledger, ledgerDifference } from '../../machine/ledger.ts';
import type { Machine } from '../../machine/machine.ts';
import { offers } from '../offers.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESOURCE_BOUND: Property = {
  name: 'resource bound',
  promise:
    'A tenant holds no more of the host than its limits say; a call that fails keeps nothing; nothing is left when everybody has left.',
  observes:
    'The number of mappings, kernel memory and objects of devices and parents: against limits, and whose limits they are, after each call, and against the start when all tenants have left; the ledger of the machine before and after a call in which a failure was injected.',
  allows: [
    'mailboxes, which stay with the command queue',
    'what an injected failure of the firmware leaves with it',
    'what the kernel does not undo: vectors and eventfds of a SET_IRQS, and a state that was reached',
  ],
};

const NAME = RESOURCE_BOUND.name;
/** Bytes: more than any call copies in one piece. */
const LARGEST_COPY = 0x40_0000;
/** No entry of a ledger. */
const NONE = /^$/;

const NOTHING: readonly (readonly [name: string, more: number])[] = [];

export class ResourceBound implements Check {
  readonly property = RESOURCE_BOUND;
  private readonly world: World;
  private memory = 0;
  private resources: Readonly<Record<string, number>> = {};

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    this.memory = kernelMemory(this.world.machine);
    this.resources = this.world.inside.resources();
  }

  /** The kernel takes no more memory for a copy than the largest argument it knows. */
  after({ process: { memory } }: Tenant): void {
    if (memory.largestCopy > LARGEST_COPY)
      this.world.violate(NAME, `a call takes ${memory.largestCopy} bytes of kernel memory for what the user sent`);
    memory.largestCopy = 0;
  }

  /** So many of something were taken, and no limit was met. */
  endless(what: string, count: number): void {
    this.world.violate(NAME, `${count} ${what} are taken, and there is no end of them`);
  }

  /** The tenant has so many mappings. */
  mapped({ shadow }: Tenant): void {
    const { limit } = this.world;
    if (shadow.size > limit) this.world.violate(NAME, `${shadow.size} mappings where ${limit} are allowed`);
  }

  /** A call answered an error, because something was made to fail in it. */
  failed(what: string, before: Ledger, after: Ledger, allowed: RegExp = NONE): void {
    const left = ledgerDifference(before, after).filter((entry) => !allowed.test(entry));
    if (left.length > 0) this.world.violate(NAME, `a call with a failing ${what} leaves ${left.join(', ')}`);
  }

  /** What is held now and was not at the start, by name. */
  resourcesLeft(): readonly (readonly [name: string, more: number])[] {
    const now = this.world.inside.resources();
    let left = NOTHING;
    for (const name in now) {
      const more = now[name]! - this.resources[name]!;
      if (more !== 0) left = [...left, [name, more]];
    }
    return left;
  }

  judge(): void {
    const { world } = this;
    const memory = kernelMemory(world.machine) - this.memory;
    if (memory !== 0) world.violate(NAME, `${memory} bytes of kernel memory left behind`);
    if (world.excused || offers(world, 'parent')) return;
    for (const [name, more] of this.resourcesLeft())
      world.violate(NAME, `${more} ${name} left behind when nobody has the device open`);
  }
}

/** Bytes of memory that host drivers hold, but for mailboxes, which stay with the command queue. */
function kernelMemory(machine: Machine): number {
  let bytes = 0;
  for (const { owner, purpose, length } of machine.hardware.memory.extents.items)
    if (purpose !== 'mailbox' && owner.startsWith('kernel:')) bytes += length;
  return bytes;
}
