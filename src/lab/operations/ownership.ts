/** Who has the device: descriptors that are duplicated, and an administrator who takes the device back. */
import { DeviceClient } from '../../client/device.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { bindTo } from '../profiles/assign-functions.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { closeDevice } from './lifecycle.ts';
import { type Operation, whileOpen } from './operation.ts';

const dup: Operation = {
  name: 'dup',
  needs: 'pci',
  args: [],
  weights: whileOpen(1),
  generate: (_random, { pending }) => (pending > 0 ? undefined : {}),
  run(tenant, _args, world) {
    const { process, device } = tenant;
    const second = process.dup(device!.fd);
    if (second < 0) return second;
    const closed = device!.close();
    tenant.device = new DeviceClient(process, second, tenant.scratch);
    world.dropSpare(tenant);
    world.checks.descriptors.stillOpen(tenant);
    return closed;
  },
};

/** Turns of the scheduler after which a request has reached the user. */
const TURNS = 4;

/** The host wants the device back: it asks, the user closes, and another user may have it. */
const takeBack: Operation = {
  name: 'take_back',
  needs: 'pci',
  args: [],
  weights: [3, 2, 2, 2, 2, 2, 2, 2],
  // A PF's VFs would have to go first, and they are in use.
  generate: (_random, { fn, pending }) => (fn!.virtuals.length > 0 || pending > 0 ? undefined : {}),
  run(tenant, _args, world) {
    const { kernel } = world.machine;
    const device = kernel.bus.devices.get(tenant.bdf);
    const driver = device?.driver?.name;
    if (device === undefined || driver === undefined || tenant.fn!.virtuals.length > 0) return -ERRNO.ENODEV;
    const { scheduler } = kernel;
    if (tenant.device !== undefined) world.checks.interrupts.telling(tenant, 'req');
    scheduler.spawn('unbind', kernel.bus.unbind(device));
    for (let turn = 0; turn < TURNS && scheduler.step(); turn++);
    if (tenant.device !== undefined) {
      world.checks.interrupts.toldOf(tenant);
      // The host asks again while the device is being closed.
      world.checks.interrupts.telling(tenant, 'req');
      closeDevice(tenant, world);
      world.checks.interrupts.untold();
    }
    world.settle();
    world.checks.descriptors.takenBack(tenant, device.driver === undefined);
    if (device.driver === undefined) bindTo(world.machine, driver, [device]);
    return comeBack(tenant, world);
  },
};

/** The group may have gone with the device; mappings in a container that loses its last group go too. */
function comeBack(tenant: Tenant, world: World): number {
  const { container, shadow } = tenant;
  if (container === undefined || container.alive) return 0;
  if (world.profile.way !== 'compat')
    for (const mapping of [...shadow.items]) {
      shadow.remove(mapping);
      tenant.unmapped = mapping.start;
    }
  return container.rejoin();
}

export const OWNERSHIP: readonly Operation[] = [dup, takeBack];
