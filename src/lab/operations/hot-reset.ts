/** Hot resets: which devices one reaches, and who may do it. */

import { ERRNO } from '../../uapi/errno.ts';
import { pci_dependent_device, pci_hot_reset, pci_hot_reset_info, VFIO } from '../../uapi/vfio.ts';
import { busResets, busScope } from '../reference/resets.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, atMost, type Operation, whileOpen } from './operation.ts';

/** Room for devices, and less than the struct itself. */
const ROOMS = [-1, 0, 1, 2, 3, 16];
const MOST_ROOM = 64;

const info: Operation = {
  name: 'hot_reset_info',
  needs: 'pci',
  args: ['room'],
  weights: whileOpen(3),
  generate: (random) => ({ room: random.pick(ROOMS) }),
  run(tenant, { room: wanted }, world) {
    const room = atMost(MOST_ROOM, wanted);
    const { at, size } = pci_hot_reset_info;
    const argsz = size + pci_dependent_device.size * room;
    // A kernel that is told of less than the struct may look at all of it, and changes nothing.
    const length = Math.max(size, argsz);
    const { scratch, process, fn } = tenant;
    scratch.begin(length).setUint32(at.argsz, argsz >>> 0, true);
    const result = process.ioctl(tenant.device!.fd, VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, scratch.put(length));
    const view = scratch.take(length);
    const { topology } = world.machine.hardware;
    const scope = busScope(fn!, topology);
    // While a PF is reset its VFs are not there.
    if (tenant.pending > 0) return result;
    if (result === 0 || result === -ERRNO.ENOSPC) {
      const count = view.getUint32(at.count, true);
      world.checks.residue.counted(count, scope.length);
      world.observe(tenant, scratch.bytes.slice(0, length));
    }
    const enough = room >= scope.length;
    const expected = room < 0 ? -ERRNO.EINVAL : !busResets(fn!, topology) ? -ERRNO.ENODEV : enough ? 0 : -ERRNO.ENOSPC;
    if (result !== expected && result !== -ERRNO.EPERM) world.checks.liveness.hotResetInfo(result, expected);
    return result;
  },
};

/** Descriptors that are shown: the group's own, the same twice, one that is no group, none, one that is not open. */
const SHOWN = { OWN: 0, TWICE: 1, OTHER: 2, NOBODY: 3, CLOSED: 4 } as const;

const doIt: Operation = {
  name: 'hot_reset',
  needs: 'pci',
  args: ['shown'],
  weights: whileOpen(3),
  generate: (random) => ({ shown: random.chance(60) ? SHOWN.OWN : random.below(5) }),
  run(tenant, { shown }, world) {
    if (wakesNeighbour(tenant, world)) return -ERRNO.EBUSY;
    const { at, size } = pci_hot_reset;
    const { scratch, process, container } = tenant;
    const own = container?.groupFd;
    const fds =
      shown === SHOWN.OWN || shown === SHOWN.TWICE
        ? own === undefined
          ? []
          : [own, ...(shown === SHOWN.TWICE ? [own] : [])]
        : shown === SHOWN.OTHER
          ? [tenant.events[0]!.fd]
          : shown === SHOWN.CLOSED
            ? [1000]
            : [];
    const length = size + 4 * fds.length;
    const view = scratch.begin(length);
    view.setUint32(at.argsz, length, true);
    view.setUint32(at.count, fds.length, true);
    for (const [i, fd] of fds.entries()) view.setInt32(size + 4 * i, fd, true);
    world.checks.liveness.resetting(tenant);
    const call = process.ioctlCall(tenant.device!.fd, VFIO.DEVICE_PCI_HOT_RESET, scratch.put(length));
    return after(call, (result) => {
      if (result === 0) world.afterReset(tenant);
      return result;
    });
  },
};

/** Refused or not, it wakes all that it would reach (vfio_pci_dev_set_pm_runtime_get): B sees that of A, and may. */
const wakesNeighbour = (tenant: Tenant, { a, b, machine }: World): boolean =>
  tenant === a && b.pci.lowPower && busScope(a.fn!, machine.hardware.topology).includes(b.fn!);

export const HOT_RESET: readonly Operation[] = [info, doIt];
