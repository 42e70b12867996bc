/** Residual data: nothing that was somebody else's, and nothing uncleared, comes out of the kernel or a device. */
import { Buffer } from 'node:buffer';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESIDUAL_DATA: Property = {
  name: 'residual data',
  promise:
    'No answer holds bytes of memory that the kernel did not clear, none is longer than was asked for, and a device that was closed or reset keeps nothing of who had it before.',
  observes:
    'Two runs that differ only in what uncleared kernel memory holds; guard bytes behind the memory of every call’s argument; data files after their session; every bit of a device after a reset.',
  allows: ['what the tenant itself left in its device, as far as the driver declares that it stays over a close'],
};

const NAME = RESIDUAL_DATA.name;

export class ResidualData implements Check {
  readonly property = RESIDUAL_DATA;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** A device of hardware was reset: it is as it was when it was new. */
  afterReset(tenant: Tenant): void {
    const { world } = this;
    if (world.profile.kind !== 'function' || world.raced) return;
    if (Buffer.compare(world.inside.digest(tenant), tenant.asNew) !== 0)
      world.violate(NAME, 'a device that was reset is not as new');
  }

  /** Behind the argument of each call the tenant's memory must be as it was. */
  after(tenant: Tenant): void {
    for (const scratch of tenant.scratches)
      if (!scratch.guardHolds()) this.world.violate(NAME, 'a call wrote behind the argument it was given');
  }
}
