/** Resets, close and open, and what an administrator does beside. */
import { MIG_STATE, PCI_REGION, VFIO } from '../../uapi/vfio.ts';
import { after, type Operation, whileOpen } from './operation.ts';

const reset: Operation = {
  name: 'reset',
  args: [],
  weights: whileOpen(3),
  spawnable: true,
  generate: () => ({}),
  run(tenant, _args, world, step, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    return after(tenant.process.ioctlCall(device.fd, VFIO.DEVICE_RESET, 0), (result) => {
      if (result === 0) world.afterReset(tenant, step);
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
  run(tenant, _args, world, step) {
    const at = tenant.fn!.capability(0x10) + 8;
    const result = tenant.device!.write(PCI_REGION.CONFIG, at, 2, 0x8000);
    if (result > 0) world.afterReset(tenant, step);
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
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run(tenant, _args, world, step) {
    const second = tenant.client.openDevice(tenant.groupFd, tenant.bdf);
    if (typeof second === 'number') return second;
    const closed = second.close();
    if (tenant.state === undefined || tenant.pending > 0) return closed;
    const { result, state } = tenant.device!.getState();
    if (result !== 0 || state !== tenant.state)
      world.violate('fd lifetime', 'closing one of two descriptors resets the device of the other', step);
    return closed;
  },
};

/** Without an open device the group may leave; its mappings go with it, and it has to join again. */
const leaveContainer: Operation = {
  name: 'leave_container',
  args: [],
  weights: [6, 0, 0, 0, 0, 0, 0, 0],
  generate: () => ({}),
  run(tenant) {
    const result = tenant.process.ioctl(tenant.groupFd, VFIO.GROUP_UNSET_CONTAINER, 0);
    if (result < 0) return result;
    for (const mapping of [...tenant.shadow.items]) {
      tenant.shadow.remove(mapping);
      tenant.unmapped = mapping.start;
    }
    return tenant.client.join(tenant.groupFd);
  },
};

/** Calls whose order is odd but legal: leaving a container that is in use, leaving one that was never joined. */
const unsetContainer: Operation = {
  name: 'unset_container',
  needs: 'dma',
  args: [],
  weights: [0, 1, 1, 1, 1, 1, 1, 1],
  generate: () => ({}),
  run(tenant, _args, world, step) {
    const result = tenant.process.ioctl(tenant.groupFd, VFIO.GROUP_UNSET_CONTAINER, 0);
    if (result >= 0) world.violate('DMA confinement', 'a group in use leaves its container', step);
    return result;
  },
};

export const LIFECYCLE: readonly Operation[] = [reset, flr, close, open, openAgain, leaveContainer, unsetContainer];
