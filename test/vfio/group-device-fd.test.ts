import { describe, expect, it } from 'vitest';
import { type Task, WaitQueue } from '../../sim/scheduler.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { groupOf } from '../../src/vfio/group-file.ts';
import { TestMachine, text, UNMAPPED } from './container-machine.ts';

const { EFAULT, EINVAL, EIO, EMFILE, ENODEV, EACCES } = ERRNO;
const V2 = EXTENSION.TYPE1v2_IOMMU;

describe('GET_DEVICE_FD', () => {
  // covers: GP06
  it('reads a name of at most a page, NUL included', () => {
    const { user, group } = new TestMachine().opened();
    const { memory } = user.process;
    const ask = (address: number) => user.process.ioctl(group, VFIO.GROUP_GET_DEVICE_FD, address);
    expect(ask(UNMAPPED)).toBe(-EFAULT);
    const room = memory.allocate(0x2000);
    memory.write(room, new Uint8Array(0x2000).fill(0x61));
    expect(ask(room)).toBe(-EINVAL);
    expect(ask(room + 0x1800)).toBe(-EFAULT);
    memory.write(room + 0xfff, Uint8Array.of(0));
    expect(ask(room)).toBe(-ENODEV);
    memory.write(room + 0x1ffe, text('a'));
    expect(ask(room + 0x1ffe)).toBeGreaterThan(0);
  });

  // covers: GP06
  it('finds by name, or as the driver says, the youngest first, and passes its errno on', () => {
    const machine = new TestMachine();
    const asked: string[] = [];
    const { user, group, iommuGroup } = machine.opened();
    const match = (name: string, answer: number) => () => {
      asked.push(name);
      return answer;
    };
    machine.device('b', iommuGroup, { match: match('b', 0) });
    machine.device('c', iommuGroup, { match: match('c', -EACCES) });
    expect(machine.core.groupOfFile(user.process.file(group)!.file)).toBe(iommuGroup);
    expect(user.deviceFd(group, 'a')).toBe(-EACCES);
    expect(asked).toEqual(['c']);
    const c = groupOf(user.process.file(group)!.file)!.devices[0]!;
    machine.scheduler.run(machine.core.unregisterDevice(c));
    expect(user.deviceFd(group, 'a')).toBeGreaterThan(0);
    expect(asked).toEqual(['c', 'b']);
    for (const name of ['', 'A', 'b ', 'c']) expect(user.deviceFd(group, name)).toBe(-ENODEV);
  });

  // covers: GP06
  it('looks the name up before it looks at the container', () => {
    const machine = new TestMachine();
    machine.device('a', machine.group(1));
    const user = machine.user();
    const group = user.open('/dev/vfio/1');
    const container = user.open('/dev/vfio/vfio');
    expect(user.deviceFd(group, 'nobody')).toBe(-ENODEV);
    expect(user.deviceFd(group, 'a')).toBe(-EINVAL);
    user.setContainer(group, container);
    expect(user.deviceFd(group, 'a')).toBe(-EINVAL);
    user.process.ioctl(container, VFIO.SET_IOMMU, V2);
    expect(user.deviceFd(group, 'a')).toBe(container + 1);
  });

  it('answers EMFILE before the device is touched', () => {
    const machine = new TestMachine();
    const { user, group, device, fd } = machine.opened();
    user.close(fd);
    let opens = 0;
    device.ops.open_device = () => {
      opens++;
      return -EIO;
    };
    user.process.files.limit = fd;
    expect(user.deviceFd(group, 'a')).toBe(-EMFILE);
    expect([opens, device.references]).toEqual([0, 0]);
    user.process.files.limit = 1024;
    expect(user.deviceFd(group, 'a')).toBe(-EIO);
    expect([opens, device.references, device.openCount, device.group!.containerUsers]).toEqual([1, 0, 0, 1]);
  });

  // covers: LC19
  it('opens the device once for many fds, and closes it with the last', () => {
    const machine = new TestMachine();
    const log: string[] = [];
    const { user, group, device, fd } = machine.opened();
    user.close(fd);
    device.ops.open_device = () => log.push('open') && 0;
    device.ops.close_device = () => void log.push(`close ${device.openCount}`);
    const [a, b] = [user.deviceFd(group, 'a'), user.deviceFd(group, 'a')];
    device.precopyInfoV2 = true;
    expect([device.openCount, device.references, device.group!.containerUsers]).toEqual([2, 2, 2]);
    user.close(a);
    expect(log).toEqual(['open']);
    expect(device.precopyInfoV2).toBe(true);
    user.close(b);
    expect(log).toEqual(['open', 'close 1']);
    expect([device.openCount, device.references, device.precopyInfoV2]).toEqual([0, 0, false]);
  });

  // covers: LC19
  it('of two racing first opens runs open_device once', () => {
    const machine = new TestMachine();
    const { user, group, device, fd } = machine.opened();
    user.close(fd);
    let opens = 0;
    device.ops.open_device = function* (): Task<number> {
      opens++;
      yield 5;
      return 0;
    };
    user.process.memory.write(user.page, text('a'));
    const calls = [0, 1].map((n) => {
      const call = user.process.ioctlCall(group, VFIO.GROUP_GET_DEVICE_FD, user.page);
      return machine.scheduler.spawn(`open ${n}`, call as Task<number>);
    });
    machine.scheduler.settle();
    expect(calls.every((call) => call.done && call.result! > 0)).toBe(true);
    expect([opens, device.openCount]).toEqual([1, 2]);
  });

  it('in flight holds the group open against a close of its fd', () => {
    const machine = new TestMachine();
    const { user, group, device, fd } = machine.opened();
    user.close(fd);
    const gate = new WaitQueue('gate');
    device.ops.open_device = function* (): Task<number> {
      yield gate;
      return -EIO;
    };
    user.process.memory.write(user.page, text('a'));
    const call = user.process.ioctlCall(group, VFIO.GROUP_GET_DEVICE_FD, user.page) as Task<number>;
    const opening = machine.scheduler.spawn('open', call);
    machine.scheduler.step();
    expect(user.close(group)).toBe(0);
    expect(device.group!.isOpen).toBe(true);
    gate.wake();
    machine.scheduler.settle();
    expect(opening.result).toBe(-EIO);
    expect(device.group!.isOpen).toBe(false);
    expect(device.group!.container).toBeUndefined();
  });
});
