/** Everybody leaves: no object, no page, no charge and no claim may stay behind the last descriptor. */
import { FD_LIFETIME } from '../properties/fd-lifetime.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import type { World } from '../world.ts';
import { agreeIommufd } from './agree-iommufd.ts';
import { agreeType1 } from './agree-type1.ts';
import type { Bench } from './bench.ts';
import { isolated } from './translation-check.ts';
import { hold, holdObject } from './verdict.ts';

/** What is mapped goes, from the page tables too, before anybody closes anything. */
function unmapAll(world: World, bench: Bench): void {
  const { type1, iommufd } = bench;
  if (type1?.reference.active) {
    const nothing = { pageSize: 0n, bytes: 0n, address: 0n, good: true };
    hold(world, 'UNMAP_DMA', type1.unmap(24, 2, 0n, 0n, nothing), type1.reference.unmap(24, 2, 0n, 0n, nothing));
    agreeType1(world, bench, type1);
  }
  if (iommufd === undefined) return;
  // What hardware queues live in can go only after them.
  for (const [id, { kind }] of [...iommufd.reference.objects])
    if (kind === 'hw-queue') holdObject(world, 'DESTROY', iommufd.client.destroy(id), iommufd.reference.destroy(id));
  for (const space of iommufd.reference.spaces)
    hold(world, 'IOAS_UNMAP', iommufd.client.unmapAll(space.id), Number(space.unmap(0n, 0xffff_ffff_ffff_ffffn).bytes));
  agreeIommufd(world, bench, iommufd);
}

export function leave(world: World, bench: Bench): void {
  const { process, helper, spaces, devices } = bench;
  unmapAll(world, bench);
  const objects = bench.iommufd?.kernel.objects;
  process.exit();
  helper.exit();
  world.settle();
  const say = (property: string, text: string): void => world.violate(property, text);
  if (objects !== undefined && objects.size > 0)
    say(FD_LIFETIME.name, `${objects.size} objects stay when the iommufd and everything in it is closed`);
  for (const space of spaces)
    if (space.lockedPages !== 0 || space.pinnedPages !== 0)
      say(
        RESOURCE_BOUND.name,
        `${space.lockedPages} pages are charged, ${space.pinnedPages} noted, when nothing is mapped`,
      );
  if (process.user.lockedPages !== 0)
    say(RESOURCE_BOUND.name, `the user is charged ${process.user.lockedPages} pages when nothing is mapped`);
  for (const { owner, pins, start } of world.machine.hardware.memory.extents.items)
    if (owner === process.name || owner === helper.name) {
      say(RESOURCE_BOUND.name, `page ${start.toString(16)} is held, with ${pins} pins, when its owner has gone`);
      break;
    }
  const { iommu } = world.machine.hardware.fabric;
  for (const { fn, name } of devices) {
    const group = world.machine.kernel.bus.devices.get(name)!.group!;
    if (group.ownerCount !== 0) say(FD_LIFETIME.name, `the group of ${name} is claimed when nobody has it`);
    if (!isolated(iommu.domainOf(fn.aliasId))) say(FD_LIFETIME.name, `${name} is translated for somebody who has gone`);
  }
}
