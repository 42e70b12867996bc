import { describe, expect, it } from 'vitest';
import type { Task } from '../../sim/scheduler.ts';
import type { Backing } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import type { ContainerLike } from '../../src/vfio/container.ts';
import { VfioDevice } from '../../src/vfio/device.ts';
import { TestMachine, UNMAPPED, type User, u32 } from './container-machine.ts';

const { EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENODEV, ENOENT, ENOTTY, EPERM } = ERRNO;
const V2 = EXTENSION.TYPE1v2_IOMMU;

/** Status flags, or the errno. */
function status(user: User, group: number, argsz = 8): number {
  const ret = user.call(group, VFIO.GROUP_GET_STATUS, u32(argsz, 0xffff_ffff));
  return ret < 0 ? ret : Number(user.u64(0) >> 32n);
}

describe('opening a group', () => {
  // covers: GP01
  it('is for one at a time', () => {
    const { user, group } = new TestMachine().opened();
    expect(user.open('/dev/vfio/1')).toBe(-EBUSY);
    expect(user.process.dup(group)).toBeGreaterThan(group);
  });

  it('is refused while a member is bound through its cdev, and the other way round', () => {
    const machine = new TestMachine();
    const device = machine.device('a', machine.group(1));
    const user = machine.user();
    expect(device.group!.block()).toBe(0);
    expect(user.open('/dev/vfio/1')).toBe(-EBUSY);
    device.group!.unblock();
    const fd = user.open('/dev/vfio/1');
    expect(device.group!.block()).toBe(-EBUSY);
    user.close(fd);
    expect(device.group!.block()).toBe(0);
  });

  // covers: GP16
  it('of a device without IOMMU takes CAP_SYS_RAWIO, before anything else is looked at', () => {
    const machine = new TestMachine();
    const { group } = machine.untranslated('n');
    expect(group!.path).toMatch(/^\/dev\/vfio\/noiommu-/);
    group!.block();
    expect(machine.user('plain', []).open(group!.path)).toBe(-EPERM);
    expect(machine.user().open(group!.path)).toBe(-EBUSY);
  });
});

describe('registering a device', () => {
  // covers: GP16
  it('needs an IOMMU group, unless no-IOMMU mode is on or the device is emulated', () => {
    const machine = new TestMachine();
    const { device } = machine.opened();
    expect(machine.core.registerDevice(device, machine.group(9))).toBe(-EINVAL);
    expect(machine.emulated('m').group!.kind).toBe('emulated');
    const lonely = new VfioDevice<unknown>('n', { name: 'fake-vfio-pci' }, undefined);
    expect(machine.core.registerDevice(lonely, undefined)).toBe(-EINVAL);
    machine.parameters.noiommu = true;
    expect(machine.core.registerDevice(lonely, undefined)).toBe(0);
    expect(lonely.group!.kind).toBe('noiommu');
  });

  it('gives the lowest free index, and one group to devices that share an IOMMU group', () => {
    const machine = new TestMachine();
    const shared = machine.group(4);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => machine.device(name, shared));
    expect([a, b, c].map((device) => device!.index)).toEqual([0, 1, 2]);
    expect(b!.group).toBe(a!.group);
    machine.scheduler.run(machine.core.unregisterDevice(b!));
    expect(machine.device('d', shared).index).toBe(1);
  });

  it('has its character device from its registration on, and no longer once it is to go', () => {
    const machine = new TestMachine();
    const { user, device, fd } = machine.opened();
    expect(user.close(user.open('/dev/vfio/devices/vfio0'))).toBe(0);
    const removal = machine.scheduler.spawn('remove', machine.core.unregisterDevice(device));
    machine.scheduler.step();
    expect(user.open('/dev/vfio/devices/vfio0')).toBe(-ENOENT);
    expect(removal.done).toBe(false);
    user.close(fd);
    expect(machine.scheduler.step() && removal.done).toBe(true);
  });
});

describe('a group fd', () => {
  // covers: GP03
  it('answers GET_STATUS after checking memory and size, and ignores what else was passed', () => {
    const machine = new TestMachine();
    const iommuGroup = machine.group(1);
    machine.device('a', iommuGroup);
    const user = machine.user();
    const group = user.open('/dev/vfio/1');
    expect(user.process.ioctl(group, VFIO.GROUP_GET_STATUS, UNMAPPED)).toBe(-EFAULT);
    for (const argsz of [0, 4, 7]) expect(status(user, group, argsz)).toBe(-EINVAL);
    expect(status(user, group)).toBe(1);
    expect(status(user, group, 12)).toBe(1);
    expect(user.u64(0) & 0xffff_ffffn).toBe(12n);
    iommuGroup.useDefaultDomain();
    expect(status(user, group)).toBe(0);
    iommuGroup.unuseDefaultDomain();
    user.setContainer(group, user.open('/dev/vfio/vfio'));
    expect(status(user, group)).toBe(3);
  });

  it('has no other ioctls, no read and write, and no mmap', () => {
    const { user, group } = new TestMachine().opened();
    for (const command of [0x3b64, 0x3b65, 0x3b66, 0x3b6b, 0x3b6c, 0x3b70, 0x3b76, 0x3b82])
      expect(user.process.ioctl(group, command, user.page)).toBe(-ENOTTY);
    expect(user.process.read(group, user.page, 8)).toBe(-EINVAL);
    expect(user.process.write(group, user.page, 8)).toBe(-EINVAL);
    expect(user.process.mmap(group, 0, 4096, { read: true, write: true, shared: true })).toBe(-ENODEV);
  });

  // covers: GP04
  it('checks SET_CONTAINER in order: memory, descriptor, container set, kind of file', () => {
    const machine = new TestMachine();
    machine.device('a', machine.group(1));
    const user = machine.user();
    const group = user.open('/dev/vfio/1');
    const container = user.open('/dev/vfio/vfio');
    expect(user.process.ioctl(group, VFIO.GROUP_SET_CONTAINER, UNMAPPED)).toBe(-EFAULT);
    expect(user.setContainer(group, -1)).toBe(-EBADF);
    expect(user.setContainer(group, 9999)).toBe(-EBADF);
    expect(user.setContainer(group, group)).toBe(-EBADFD);
    expect(user.setContainer(group, container)).toBe(0);
    expect(user.setContainer(group, group)).toBe(-EINVAL);
    expect(user.setContainer(group, 9999)).toBe(-EBADF);
  });

  // covers: GP04 GP07
  it('cannot claim a group that a host driver uses, nor one that firmware needs mapped', () => {
    const machine = new TestMachine();
    const iommuGroup = machine.group(1);
    machine.device('a', iommuGroup);
    const user = machine.user();
    const group = user.open('/dev/vfio/1');
    const container = user.open('/dev/vfio/vfio');
    iommuGroup.useDefaultDomain();
    expect(user.setContainer(group, container)).toBe(-EPERM);
    iommuGroup.unuseDefaultDomain();
    Object.defineProperty(iommuGroup, 'reservedRegions', { value: [{ start: 0, end: 0xfff, type: 'direct' }] });
    expect(user.setContainer(group, container)).toBe(-EINVAL);
    expect(user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0)).toBe(-EINVAL);
  });

  // covers: GP04 GP07
  it('never shares a group between two containers', () => {
    const machine = new TestMachine();
    const { user, group, iommuGroup, fd } = machine.opened();
    const second = user.open('/dev/vfio/vfio');
    expect(user.setContainer(group, second)).toBe(-EINVAL);
    expect(iommuGroup.claim({})).toBe(-EPERM);
    expect(iommuGroup.useDefaultDomain()).toBe(-EBUSY);
    user.close(fd);
    expect(user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0)).toBe(0);
    expect(user.setContainer(group, second)).toBe(0);
  });

  // covers: GP05 GP15
  it('leaves its container only when no device of it is open', () => {
    const { user, group, container, fd } = new TestMachine().opened();
    const unset = () => user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0);
    const twin = user.deviceFd(group, 'a');
    expect(unset()).toBe(-EBUSY);
    user.close(fd);
    expect(unset()).toBe(-EBUSY);
    user.close(twin);
    expect(unset()).toBe(0);
    expect(unset()).toBe(-EINVAL);
    expect(user.process.ioctl(container, VFIO.IOMMU_GET_INFO, user.page)).toBe(-EINVAL);
    expect(user.setContainer(group, container)).toBe(0);
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, V2)).toBe(0);
  });

  it('takes an iommufd through the seam, which may be dropped with devices open', () => {
    const machine = new TestMachine();
    machine.device('a', machine.group(1));
    const user = machine.user();
    const calls: string[] = [];
    const iommufd: ContainerLike = {
      attach: () => 0,
      detach: () => void calls.push('detach'),
      busy: () => false,
      use: () => 0,
      opened: () => 0,
      unuse: () => void calls.push('unuse'),
    };
    const file = { name: 'iommufd' };
    machine.core.containerKinds.push((other) => (other === file ? iommufd : undefined));
    const group = user.open('/dev/vfio/1');
    expect(user.setContainer(group, user.process.files.install(file))).toBe(0);
    const fd = user.deviceFd(group, 'a');
    expect(user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0)).toBe(0);
    expect(user.deviceFd(group, 'a')).toBe(-EINVAL);
    user.close(fd);
    expect(calls).toEqual(['detach', 'unuse']);
  });
});

describe('closing', () => {
  // covers: GP08
  it('keeps group and container as long as a device is open, whatever is closed first', () => {
    const machine = new TestMachine();
    const { user, group, container, fd, iommuGroup, device } = machine.opened();
    const memory = user.process.memory.allocate(0x1000);
    expect(user.map(container, 0x1000, 0x1000, memory)).toBe(0);
    const { domain } = iommuGroup;
    user.close(group);
    user.close(container);
    expect(user.open('/dev/vfio/1')).toBe(-EBUSY);
    expect(domain.translate(0x1000, true)).toBeDefined();
    expect(device.openCount).toBe(1);
    user.close(fd);
    expect(domain.mappings.size).toBe(0);
    expect(iommuGroup.domain).toBe(iommuGroup.defaultDomain);
    expect(user.open('/dev/vfio/1')).toBeGreaterThan(0);
    expect(user.process.lockedPages).toBe(0);
  });

  it('leaves the device open while a mapping of it exists', () => {
    const machine = new TestMachine();
    const { user, group, device, fd } = machine.opened();
    const backing: Backing = { load: () => true, store: () => true, physical: () => undefined };
    device.ops.mmap = () => backing;
    const address = user.process.mmap(fd, 0, 4096, { read: true, write: true, shared: true });
    user.close(fd);
    expect(user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0)).toBe(-EBUSY);
    user.close(group);
    expect(user.open('/dev/vfio/1')).toBe(-EBUSY);
    expect(user.process.munmap(address)).toBe(0);
    expect(user.open('/dev/vfio/1')).toBeGreaterThan(0);
  });

  it('happens in order: device, IOMMU, group', () => {
    const machine = new TestMachine();
    const { user, group, container, fd, device, iommuGroup } = machine.opened();
    let seen: unknown;
    device.ops.close_device = function* (): Task<void> {
      yield 1;
      seen = [iommuGroup.owner === device.group, device.group!.container !== undefined, device.openCount];
    };
    user.close(container);
    user.close(group);
    user.close(fd);
    expect(seen).toEqual([true, true, 1]);
    expect(iommuGroup.owner).toBeUndefined();
  });
});

describe('unregistering a device', () => {
  // covers: LC20
  it('hides it, asks for it every 10 s, and ends with its last user', () => {
    const machine = new TestMachine();
    const { user, group, device, fd } = machine.opened();
    const requests: [number, number][] = [];
    device.ops.request = (_data, count) => void requests.push([machine.scheduler.now / 1e9, count]);
    const removal = machine.scheduler.spawn('remove', machine.core.unregisterDevice(device));
    machine.scheduler.step();
    expect(user.deviceFd(group, 'a')).toBe(-ENODEV);
    expect(status(user, group)).toBe(3);
    while (requests.length < 3) machine.scheduler.step();
    expect(requests).toEqual([
      [0, 0],
      [10, 1],
      [20, 2],
    ]);
    expect(removal.done).toBe(false);
    user.close(fd);
    machine.scheduler.step();
    expect(removal.done).toBe(true);
    expect(machine.scheduler.now).toBe(20e9);
  });

  it('of the last one leaves an open group fd with a dead group', () => {
    const machine = new TestMachine();
    const { user, group, container, device, fd, iommuGroup } = machine.opened();
    user.close(fd);
    machine.scheduler.run(machine.core.unregisterDevice(device));
    expect(status(user, group)).toBe(-ENODEV);
    expect(user.setContainer(group, container)).toBe(-ENODEV);
    expect(user.deviceFd(group, 'a')).toBe(-ENODEV);
    expect(iommuGroup.owner).toBeUndefined();
    expect(user.open('/dev/vfio/1')).toBe(-ENOENT);
    machine.device('a', iommuGroup);
    const fresh = user.open('/dev/vfio/1');
    expect(fresh).toBeGreaterThan(0);
    expect(user.close(group)).toBe(0);
    expect(status(user, fresh)).toBe(1);
  });

  it('is a hang, and not an endless run, if the user never closes', () => {
    const machine = new TestMachine();
    const { user, device } = machine.opened();
    const removal = function* (): Task<number> {
      yield* machine.core.unregisterDevice(device);
      return 0;
    };
    expect(user.process.finish(removal())).toBe(-ERRNO.EINTR);
  });
});
