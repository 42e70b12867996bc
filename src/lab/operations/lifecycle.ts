/** Resets, close and open, and what an administrator does beside. */
import { CAP, DEVCTL, EXP } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { VFIO } from '../../uapi/vfio.ts';
import { writeRegister } from '../pci/config-write.ts';
import { noteCommand } from '../pci/memory-on.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, type Operation, whileOpen } from './operation.ts';
import { unmapAll } from './pci-regions.ts';

const reset: Operation = {
  name: 'reset',
  args: [],
  weights: whileOpen(3),
  spawnable: true,
  generate: () => ({}),
  run(tenant, _args, world, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    if (!spawned) world.checks.liveness.resetting(tenant);
    const { fn } = tenant;
    const before = fn === undefined ? 0 : world.resetsOf(fn);
    return after(tenant.process.ioctlCall(device.fd, VFIO.DEVICE_RESET, 0), (result) => {
      if (result !== 0) return result;
      world.afterReset(tenant);
      if (fn !== undefined && world.resetsOf(fn) === before) world.checks.liveness.notReset();
      return result;
    });
  },
};

/** FLR through the device control register (a VF's only own way to it). */
const flr: Operation = {
  name: 'flr',
  needs: 'function',
  args: [],
  weights: whileOpen(2),
  generate: (_random, { fn }) => (fn!.capability(CAP.EXP) === 0 ? undefined : {}),
  run(tenant, _args, world) {
    const at = tenant.fn!.capability(CAP.EXP) + EXP.DEVCTL;
    world.checks.liveness.resetting(tenant);
    return writeRegister(tenant, world, at, 2, DEVCTL.BCR_FLR);
  },
};

const close: Operation = {
  name: 'close',
  args: [],
  weights: [0, 1, 1, 1, 1, 1, 1, 1],
  generate: () => ({}),
  run: (tenant, _args, world) => closeDevice(tenant, world),
};

/** The tenant leaves its device, and forgets what it had of it. */
export function closeDevice(tenant: Tenant, world: World): number {
  unmapAll(tenant);
  const result = world.closeDevice(tenant);
  tenant.pci.closed();
  world.checks.residue.closed(tenant);
  world.checks.dma.closed(tenant);
  world.checks.descriptors.closedLast(tenant);
  return result;
}

const open: Operation = {
  name: 'open',
  args: [],
  weights: [30, 0, 0, 0, 0, 0, 0, 0],
  generate: () => ({}),
  run: (tenant, _args, world) => reopen(tenant, world),
};

/** Opens a device that nobody has: it is as it was the first time. */
export function reopen(tenant: Tenant, world: World): number {
  const result = world.openDevice(tenant);
  world.checks.descriptors.reopened(tenant, result);
  if (result < 0) return result;
  world.checks.residue.opened(tenant);
  if (world.profile.pci !== undefined) noteCommand(tenant);
  return result;
}

/** A second descriptor comes and goes; the first must not notice. */
const openAgain: Operation = {
  name: 'open_again',
  needs: 'container',
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run(tenant, _args, world) {
    const second = tenant.container!.open();
    if (typeof second === 'number') return second;
    const closed = second.close();
    if (tenant.flags === 0 || tenant.state === undefined || tenant.pending > 0) return closed;
    const { result, state } = tenant.device!.getState();
    world.checks.descriptors.closedOne(tenant, result, state);
    return closed;
  },
};

/** Without an open device the group may leave; its mappings go with it, and it has to join again. */
const leaveContainer: Operation = {
  name: 'leave_container',
  needs: 'container',
  args: [],
  weights: [6, 0, 0, 0, 0, 0, 0, 0],
  generate: () => ({}),
  run(tenant, _args, world) {
    const result = tenant.container!.leave(VFIO.GROUP_UNSET_CONTAINER);
    if (result < 0) return result;
    // Mappings in an iommufd stay with it.
    for (const mapping of world.profile.way === 'compat' ? [] : [...tenant.shadow.items]) {
      tenant.shadow.remove(mapping);
      tenant.unmapped = mapping.start;
    }
    return tenant.container!.join();
  },
};

/** Without an open device the group's file may close: the group leaves its container with that, and anybody may have it. */
const closeGroup: Operation = {
  name: 'close_group',
  needs: 'group',
  args: [],
  weights: [4, 0, 0, 0, 0, 0, 0, 0],
  // Devices aside may still be in the container.
  generate: (_random, { pending }, { profile }) => (pending > 0 || profile.bench !== undefined ? undefined : {}),
  run(tenant, _args, world) {
    if (tenant.device !== undefined || tenant.pending > 0 || world.profile.bench !== undefined) return -ERRNO.EBUSY;
    for (const mapping of world.profile.way === 'compat' ? [] : [...tenant.shadow.items]) {
      tenant.shadow.remove(mapping);
      tenant.unmapped = mapping.start;
    }
    const result = tenant.container!.rejoin();
    world.checks.descriptors.rejoined(tenant, result);
    return result;
  },
};

/** Calls whose order is odd but legal: leaving a container that is in use, leaving one that was never joined. */
const unsetContainer: Operation = {
  name: 'unset_container',
  needs: 'container',
  args: [],
  weights: [0, 1, 1, 1, 1, 1, 1, 1],
  generate: () => ({}),
  run(tenant, _args, world) {
    const result = tenant.container!.leave(VFIO.GROUP_UNSET_CONTAINER);
    if (result < 0) return result;
    // A group lets go of an iommufd even with its device open (group.c: vfio_group_ioctl_unset_container).
    if (world.profile.way !== 'compat') world.checks.dma.leftInUse();
    return tenant.container!.join();
  },
};

export const LIFECYCLE: readonly Operation[] = [
  reset,
  flr,
  close,
  open,
  openAgain,
  leaveContainer,
  closeGroup,
  unsetContainer,
];
