/** fd lifetime: what a descriptor stands for lives as long as one of its descriptors, and no longer. */
import { MSI_WINDOW } from '../../../sim/iommu/iommu.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const FD_LIFETIME: Property = {
  name: 'fd lifetime',
  promise:
    'A device stays open as long as one of its descriptors does, and no longer; a data file outlives its session only as a number that answers ENODEV.',
  observes:
    'The count of openers when all have closed, the state of a device when one of two descriptors closes, the answers of data files whose session has ended, and who still holds them.',
  allows: ['an errno that a driver declares to check before it looks at the session'],
};

const NAME = FD_LIFETIME.name;

export class FdLifetime implements Check {
  readonly property = FD_LIFETIME;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** One of two descriptors was closed. */
  closedOne(tenant: Tenant, result: number, state: number): void {
    if (result !== 0 || state !== tenant.state)
      this.world.violate(NAME, 'closing one of two descriptors resets the device of the other');
  }

  /** A descriptor was duplicated and the first one closed: the device is as open as before. */
  stillOpen(tenant: Tenant): void {
    if (this.openers(tenant) < 1) this.world.violate(NAME, 'closing one of two numbers of a file closes its device');
  }

  /** The tenant opens its device, which nobody has. */
  reopened({ bdf, shadow, pending }: Tenant, result: number): void {
    // What was mapped meanwhile may lie where the device cannot reach.
    const reachable = shadow.items.every(
      ({ start, length, flags }) => flags === 3 && start % PAGE_SIZE === 0 && start + length <= MSI_WINDOW.start,
    );
    if (result < 0 && pending === 0 && reachable && this.world.profile.pci !== undefined)
      this.world.violate(NAME, `${bdf}, which nobody has open, cannot be opened: ${errnoName(result)}`);
  }

  /** The file of a group that nobody uses was closed and opened again, for the same container. */
  rejoined({ bdf, pending }: Tenant, result: number): void {
    if (result < 0 && pending === 0)
      this.world.violate(NAME, `the group of ${bdf} was closed, and cannot be used again: ${errnoName(result)}`);
  }

  /** The last descriptor of the tenant's device was closed. */
  closedLast(tenant: Tenant): void {
    if (this.world.profile.pci === undefined || tenant.pending > 0) return;
    const left = this.openers(tenant);
    if (left !== 0) this.world.violate(NAME, `${left} openers are counted when the only one has closed`);
  }

  /** The host took the device back: nothing of it can be reached any more. */
  takenBack(tenant: Tenant, gone: boolean): void {
    const { world } = this;
    if (!gone) {
      world.violate(NAME, 'a driver does not let go of a device that nobody has open');
      return;
    }
    if (world.machine.vfio.deviceNamed(tenant.bdf) !== undefined)
      world.violate(NAME, 'a device that was taken back is still known');
    const shown = world.host.readdir('/sys/kernel/debug/vfio');
    if (typeof shown !== 'number' && shown.includes(tenant.bdf))
      world.violate(NAME, 'a device that was taken back is still shown');
  }

  private openers({ bdf }: Tenant): number {
    return this.world.machine.vfio.deviceNamed(bdf)?.openCount ?? 0;
  }

  /** A data file was read. */
  read({ alive, certain }: DataFile, result: number): void {
    if (!alive && certain && result !== -ERRNO.ENODEV)
      this.world.violate(NAME, `reading a data file after its session answers ${result}`);
  }

  /** `length` bytes were written to a data file whose session has ended. */
  written(certain: boolean, length: number, result: number): void {
    const { refusedFirst = ERRNO.ENODEV } = this.world.profile;
    if (certain && length > 0 && result !== -ERRNO.ENODEV && result !== -refusedFirst)
      this.world.violate(NAME, `writing a data file after its session answers ${result}`);
  }

  /** The tenant's sessions that have ended: nobody but its own descriptors may hold their files. */
  ended(tenant: Tenant): void {
    if (this.world.raced) return;
    for (const { alive, certain, open, held } of tenant.files)
      if (!alive && certain && held !== undefined && held.holderCount > (open ? 1 : 0))
        this.world.violate(NAME, 'a data file is held by its driver after its session');
  }

  judge(): void {
    // Nobody has a device open: every session has ended, whatever ran beside what.
    for (const { files } of this.world.tenants)
      for (const { open, held } of files)
        if (held !== undefined && held.holderCount > (open ? 1 : 0))
          this.world.violate(NAME, 'a data file is held by its driver when nobody has the device open');
    for (const { name, openCount } of this.world.machine.vfio.openDevices())
      this.world.violate(NAME, `${name} counts ${openCount} openers when nobody has it open`);
    // Devices aside may still be in it.
    for (const { name, ioas } of this.world.tenants)
      if (ioas !== undefined && this.world.profile.bench === undefined && ioas.client.destroy(ioas.ioas) < 0)
        this.world.violate(NAME, `the address space of tenant ${name} is in use when its device is closed`);
    for (const { bdf } of this.world.tenants) {
      const references = this.world.machine.vfio.deviceNamed(bdf)?.references ?? 0;
      if (references !== 0) this.world.violate(NAME, `${references} references to ${bdf} are left behind`);
    }
  }
}
