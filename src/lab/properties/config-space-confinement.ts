/** Configuration-space confinement: what the user may not write stays, and regions are what region info says. */
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const CONFIG_SPACE_CONFINEMENT: Property = {
  name: 'config-space confinement',
  promise:
    'A user changes of its function’s configuration space what is the user’s to change, and its regions grant the accesses and mappings that region info promises, and no others.',
  observes:
    'What the host has programmed, before and after each configuration write of any width and alignment; the answers of mmap, read and write held against region info.',
  allows: ['bits that the virtualisation of vfio-pci-core passes through to the function that is assigned'],
};

const NAME = CONFIG_SPACE_CONFINEMENT.name;

export class ConfigSpaceConfinement implements Check {
  readonly property = CONFIG_SPACE_CONFINEMENT;
  private readonly world: World;
  private before = 0;
  private calm = false;

  constructor(world: World) {
    this.world = world;
  }

  /** A configuration write of the tenant is about to be made, … */
  writing(tenant: Tenant): void {
    this.calm = tenant.pending === 0;
    this.before = this.world.profile.guarded.value(tenant);
  }

  /** … and was made. */
  written(tenant: Tenant): void {
    const { guarded } = this.world.profile;
    if (this.calm && guarded.value(tenant) !== this.before)
      this.world.violate(NAME, `a configuration write changes ${guarded.what}`);
  }

  /** A mapping of a region was granted or refused, and region info had said which. */
  mapped(region: number, answer: number, allowed: boolean): void {
    if (answer >= 0 !== allowed) this.world.violate(NAME, `mmap of region ${region} answers ${answer}`);
  }
}
