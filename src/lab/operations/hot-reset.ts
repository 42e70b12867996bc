/** Hot resets: which devices one reaches, and who may do it. */

import type { PciFunction } from '../../../sim/pci/function.ts';
import { ERRNO } from '../../uapi/errno.ts';
import {
  DEVID,
  HOT_RESET_FLAG,
  pci_dependent_device,
  pci_hot_reset,
  pci_hot_reset_info,
  VFIO,
} from '../../uapi/vfio.ts';
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
    if (result === 0) judgeNames(tenant, world, scope, view);
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

/** Each of the devices once, under its number; and its group, or the id it has for the tenant. */
function judgeNames(tenant: Tenant, world: World, scope: readonly PciFunction[], view: DataView): void {
  const { size, at } = pci_dependent_device;
  const { liveness } = world.checks;
  const flags = view.getUint32(pci_hot_reset_info.at.flags, true);
  const cdev = world.profile.way === 'cdev';
  if (((flags & HOT_RESET_FLAG.DEV_ID) !== 0) !== cdev) return liveness.hotResetNames('numbers of the wrong kind');
  const left = new Set(scope);
  let foreign = false;
  for (let i = 0; i < scope.length; i++) {
    const entry = pci_hot_reset_info.size + i * size;
    const number = view.getUint8(entry + at.bus) * 256 + view.getUint8(entry + at.devfn);
    const fn = scope.find(({ id }) => id === number);
    if (fn === undefined || view.getUint16(entry + at.segment, true) !== 0 || !left.delete(fn))
      return liveness.hotResetNames('a device that is not there');
    const id = view.getInt32(entry + at.group_id, true);
    const group = world.machine.kernel.bus.devices.get(fn.name)?.group?.id;
    if (!cdev && id !== group) return liveness.hotResetNames('a group that is another');
    if (cdev && fn === tenant.fn && id <= 0) return liveness.hotResetNames('that its user does not own the device');
    const other = tenant === world.a ? world.b : world.a;
    const theirs = fn === other.fn && world.machine.kernel.bus.devices.get(tenant.bdf)?.group?.id !== group;
    if (cdev && theirs && id !== DEVID.NOT_OWNED) return liveness.hotResetNames('that another’s device is owned');
    foreign ||= id === DEVID.NOT_OWNED;
  }
  if (cdev && ((flags & HOT_RESET_FLAG.DEV_ID_OWNED) !== 0) === foreign)
    liveness.hotResetNames('that all is owned, or that it is not');
}

/** Counts at which sizes wrap, and lists that are longer than what a reset could reach. */
const COUNTS = [0, 1, 2, 5, 64, 0x1000, 0x0100_0000, 0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x7fff_ffff, 0xffff_ffff];
/** Room for descriptors behind the argument. */
const SHOWN_ROOM = 64;

const odd: Operation = {
  name: 'hot_reset_odd',
  needs: 'pci',
  args: ['count', 'argsz', 'flags'],
  weights: whileOpen(1),
  generate: (random) => ({
    count: random.pick(COUNTS),
    argsz: random.chance(60) ? 268 : random.pick([0, 4, 8, 11, 12, 16]),
    flags: random.chance(70) ? 0 : 1 << random.below(32),
  }),
  run(tenant, { count, argsz, flags }, world) {
    if (wakesNeighbour(tenant, world)) return -ERRNO.EBUSY;
    const { at, size } = pci_hot_reset;
    const { scratch, process, container, fn } = tenant;
    const length = size + 4 * SHOWN_ROOM;
    const view = scratch.begin(length);
    view.setUint32(at.argsz, argsz!, true);
    view.setUint32(at.flags, flags!, true);
    view.setUint32(at.count, count!, true);
    for (let i = 0; i < SHOWN_ROOM; i++) view.setInt32(size + 4 * i, container?.groupFd ?? -1, true);
    world.checks.liveness.resetting(tenant);
    const call = process.ioctlCall(tenant.device!.fd, VFIO.DEVICE_PCI_HOT_RESET, scratch.put(length));
    return after(call, (result) => {
      if (result !== 0) return result;
      world.afterReset(tenant);
      if (argsz! < size || flags !== 0) world.checks.liveness.hotResetTaken('a size or flags that are none');
      const most = busScope(fn!, world.machine.hardware.topology).length;
      if (world.profile.way === 'cdev' ? count !== 0 : count === 0 || count! > most)
        world.checks.liveness.hotResetTaken(`${count} descriptors`);
      return result;
    });
  },
};

/** Descriptors that are shown: the group's own, the same twice, one that is no group, none, one that is not open. */
const SHOWN = { OWN: 0, TWICE: 1, OTHER: 2, NOBODY: 3, CLOSED: 4 } as const;

const doIt: Operation = {
  name: 'hot_reset',
  needs: 'pci',
  args: ['shown'],
  weights: whileOpen(3),
  spawnable: true,
  generate: (random) => ({ shown: random.chance(60) ? SHOWN.OWN : random.below(5) }),
  run(tenant, { shown }, world, spawned) {
    if (wakesNeighbour(tenant, world)) return -ERRNO.EBUSY;
    const { at, size } = pci_hot_reset;
    const { process, container } = tenant;
    // What is left under way reads its argument later.
    const scratch = spawned ? tenant.spare : tenant.scratch;
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
    if (!spawned) world.checks.liveness.resetting(tenant);
    const call = process.ioctlCall(tenant.device!.fd, VFIO.DEVICE_PCI_HOT_RESET, scratch.put(length));
    return after(call, (result) => {
      if (result !== 0) return result;
      world.afterReset(tenant);
      if (shown === SHOWN.OTHER || shown === SHOWN.CLOSED || (shown === SHOWN.NOBODY && world.profile.way !== 'cdev'))
        world.checks.liveness.hotResetTaken('descriptors that are of no group');
      return result;
    });
  },
};

/** Refused or not, it wakes all that it would reach (vfio_pci_dev_set_pm_runtime_get): B sees that of A, and may. */
const wakesNeighbour = (tenant: Tenant, { a, b, machine }: World): boolean =>
  tenant === a && b.pci.lowPower && busScope(a.fn!, machine.hardware.topology).includes(b.fn!);

export const HOT_RESET: readonly Operation[] = [info, doIt, odd];
