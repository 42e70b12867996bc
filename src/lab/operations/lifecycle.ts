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
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world, step) {
    const at = tenant.fn.capability(0x10) + 8;
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
    tenant.state = MIG_STATE.RUNNING;
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

/** Calls whose order is odd but legal: leaving a container that is in use, leaving one that was never joined. */
const unsetContainer: Operation = {
  name: 'unset_container',
  args: [],
  weights: [0, 1, 1, 1, 1, 1, 1, 1],
  generate: () => ({}),
  run(tenant, _args, world, step) {
    const result = tenant.process.ioctl(tenant.groupFd, VFIO.GROUP_UNSET_CONTAINER, 0);
    if (result >= 0) world.violate('DMA confinement', 'a group in use leaves its container', step);
    return result;
  },
};

export const LIFECYCLE: readonly Operation[] = [reset, flr, close, open, unsetContainer];
