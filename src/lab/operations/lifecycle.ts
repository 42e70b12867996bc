/** Resets, close and open, and what an administrator does beside. */
import { MIG_STATE, PCI_REGION, VFIO } from '../../uapi/vfio.ts';
import { after, type Operation, whileOpen } from './operation.ts';

const reset: Operation = {
  name: 'reset',
  args: [],
  weights: whileOpen(3),
  spawnable: true,
  generate: () => ({}),
  run(tenant, _args, world, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    return after(tenant.process.ioctlCall(device.fd, VFIO.DEVICE_RESET, 0), (result) => {
      if (result === 0) world.afterReset(tenant);
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
  generate: () => ({}),
  run(tenant, _args, world) {
    const at = tenant.fn!.capability(0x10) + 8;
    const result = tenant.device!.write(PCI_REGION.CONFIG, at, 2, 0x8000);
    if (result > 0) world.afterReset(tenant);
    return result;
  },
};

const close: Operation = {
  name: 'close',
  args: [],
  weights: [0, 1, 1, 1, 1, 1, 1, 1],
  generate: () => ({}),
  run(tenant, _args, world) {
    const result = tenant.device!.close();
    tenant.device = undefined;
    if (world.profile.keepsState) tenant.orphaned = true;
    else tenant.state = MIG_STATE.RUNNING;
    tenant.endSessions();
    tenant.armed.fill(-1);
    tenant.logging = undefined;
    tenant.guestLog.running = false;
    world.dropSpare(tenant);
    return result;
  },
};

const open: Operation = {
  name: 'open',
  args: [],
  weights: [30, 0, 0, 0, 0, 0, 0, 0],
  generate: () => ({}),
  run: (tenant) => tenant.openDevice(),
};

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

export const LIFECYCLE: readonly Operation[] = [reset, flr, close, open, openAgain, leaveContainer, unsetContainer];
