/** Holds what the kernel holds for a tenant's mappings against the reference, whichever way they are made. */
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { agreeIommufd } from './agree-iommufd.ts';
import { agreeType1 } from './agree-type1.ts';

export function agree(world: World, { bench }: Tenant): void {
  if (!world.watched || bench === undefined) return;
  if (bench.type1 !== undefined) agreeType1(world, bench, bench.type1);
  if (bench.iommufd !== undefined) agreeIommufd(world, bench, bench.iommufd);
}
