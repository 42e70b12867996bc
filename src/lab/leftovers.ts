/** What a run leaves behind with the host: once the tenants are gone, as much memory and as many objects as before. */
import type { Machine } from '../machine/machine.ts';
import { offers } from './offers.ts';
import type { World } from './world.ts';

const SCOPE = 'parent-interaction scope';
const LIFETIME = 'fd lifetime';

/** What the host held before the first step. */
export class Leftovers {
  private readonly world: World;
  private readonly memory: number;
  private readonly resources: Readonly<Record<string, number>>;

  constructor(world: World) {
    this.world = world;
    this.memory = kernelMemory(world.machine);
    this.resources = world.monitor.inside.resources();
  }

  /** The tenants close their devices; what is still held then is a violation. */
  judge(): void {
    const { world } = this;
    // Resetting a device beside a state change confuses that device, on real hardware too; nobody else is harmed.
    if (!world.raced)
      for (const reason of world.monitor.inside.illegal())
        if (!world.failed || world.profile.failures?.neverRefused.has(reason))
          world.violate(SCOPE, `the firmware had to refuse a command: ${reason}`);
    for (const tenant of world.tenants) tenant.device?.close();
    world.settle();
    for (const { name, openCount } of world.machine.vfio.openDevices())
      world.violate(LIFETIME, `${name} counts ${openCount} openers when nobody has it open`);
    const parent = offers(world, 'parent');
    const memory = kernelMemory(world.machine) - this.memory;
    if (memory !== 0) world.violate(parent ? SCOPE : LIFETIME, `${memory} bytes of kernel memory left behind`);
    if (world.failed) return;
    for (const [name, count] of Object.entries(world.monitor.inside.resources())) {
      const more = count - this.resources[name]!;
      if (more === 0) continue;
      if (parent) world.violate(SCOPE, `${more} ${name} of the parent left behind`);
      else world.violate(LIFETIME, `${more} ${name} left behind when nobody has the device open`);
    }
  }
}

/** Bytes of memory that host drivers hold, but for mailboxes, which stay with the command queue. */
function kernelMemory(machine: Machine): number {
  let bytes = 0;
  for (const { owner, purpose, length } of machine.hardware.memory.extents.items)
    if (purpose !== 'mailbox' && owner.startsWith('kernel:')) bytes += length;
  return bytes;
}
