import { describe, expect, it } from 'vitest';
import type { BridgeDescription } from '../../sim/pci/description.ts';
import type { OpenFile } from '../../src/kernel/file.ts';
import type { IommuGroup } from '../../src/kernel/iommu-group.ts';
import type { VfioRegistry } from '../../src/pci-core/registry.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, region } from './bench.ts';
import { legacy, machine, nic } from './machines.ts';

/** Stands for a group's file. */
class GroupFile implements OpenFile {
  readonly name = 'group';
  readonly group: IommuGroup;
  constructor(group: IommuGroup) {
    this.group = group;
  }
}

const registry: VfioRegistry = {
  registerDevice: () => 0,
  *unregisterDevice() {},
  groupOfFile: (file) => (file instanceof GroupFile ? file.group : undefined),
};

function twins(bench: Bench) {
  const first = bench.bind(bench.pdev('0000:02:00.0'), {}, registry);
  const device = bench.openBound(first);
  const group = bench.user.files.install(new GroupFile(bench.pdev('0000:02:00.0').group!));
  return { device, group };
}

describe('GET_PCI_HOT_RESET_INFO', () => {
  // covers: RS04
  it('lists everything on the bus with its group', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    const { id } = bench.pdev('0000:02:00.0').group!;
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [100, 9, 9, ...Array(8).fill(0)])).toBe(0);
    expect(device.words(7)).toEqual([100, 0, 2, id, 0x0002 << 16, id, (0x0102 << 16) >>> 0]);
  });

  // covers: RS04
  it('says how many there are when the room is too small', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [20, 9, 9, 0, 0])).toBe(E.ENOSPC);
    expect(device.words(5)).toEqual([20, 0, 2, 0, 0]);
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [11, 0, 0])).toBe(E.EINVAL);
  });

  // covers: RS04
  it('faults where it cannot read or write', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    const { user } = bench;
    const end = user.memory.allocate(0x1000) + 0x1000;
    const ask = (at: number) => user.ioctl(device.fd, VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, at);
    expect(ask(end - 8)).toBe(E.EFAULT);
    // The size has room for both devices, the memory has not.
    user.memory.write(end - 20, Uint8Array.from([100]));
    expect(ask(end - 20)).toBe(E.EFAULT);
    // Neither the number that would take more room, nor the answer itself, can be written here.
    for (const argsz of [12, 28]) {
      expect(ask(bench.locked([argsz]))).toBe(E.EFAULT);
    }
  });

  // covers: RS04
  it('is EPERM where a device has no IOMMU group to name', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    bench.pdev('0000:02:00.1').group = undefined;
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [100, 0, 0])).toBe(E.EPERM);
  });

  // covers: RS04
  it('lists what is behind a bridge on the bus too', () => {
    const bridge = { kind: 'pcie-to-pci', devfn: '01.0', below: [{ devfn: '03.0', function: legacy }] } as const;
    const port = {
      kind: 'root-port',
      devfn: '08.0',
      acs: 0x1d,
      below: [{ devfn: '00.0', function: nic }, bridge],
    } as const;
    const bench = new Bench({ ...machine, root: [port] });
    const device = bench.openBound(bench.bind(bench.pdev('0000:01:00.0'), {}, registry));
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [100, 0, 0, ...Array(8).fill(0)])).toBe(0);
    expect(device.words(3)[2]).toBe(2);
    expect(device.words(7)[6]! >>> 16, 'bus 2, 03.0').toBe(0x1802);
  });

  // covers: RS04
  it('does not exist on the root bus', () => {
    const device = new Bench().open('0000:00:02.0');
    expect(device.ioctl(VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [100, 0, 0])).toBe(E.ENODEV);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, 0])).toBe(E.ENODEV);
  });
});

describe('PCI_HOT_RESET', () => {
  // covers: RS06 RS09
  it('needs the groups of all affected devices, and all of them bound', () => {
    const bench = new Bench();
    const { device, group } = twins(bench);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(E.EINVAL);
    bench.bind(bench.pdev('0000:02:00.1'), {}, registry);
    device.write(region(0, 0x10), '78563412');
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(0);
    expect(device.read(region(0, 0x10), 4)).toBe('00000000');
  });

  // covers: RS06
  it('checks its argument in the order of the kernel', () => {
    const bench = new Bench();
    const { device, group } = twins(bench);
    bench.bind(bench.pdev('0000:02:00.1'), {}, registry);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [11, 0, 1, group])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 1, 1, group])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [12, 0, 0])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 3, group, group, group])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, 999])).toBe(E.EBADF);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, device.fd])).toBe(E.EINVAL);
    const foreign = bench.user.files.install(new GroupFile(bench.pdev('0000:00:02.0').group!));
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, foreign])).toBe(E.EINVAL);
  });

  // covers: RS08
  it('is busy while another reset holds a device, and lets the others go', () => {
    const bench = new Bench();
    const { device, group } = twins(bench);
    const sibling = bench.bind(bench.pdev('0000:02:00.1'), {}, registry);
    sibling.memoryLock.tryLock();
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(E.EBUSY);
    expect(device.core.memoryLock.locked).toBe(false);
  });

  // covers: RS06
  it('faults on what it cannot read, the header first', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    const { user } = bench;
    const end = user.memory.allocate(0x1000) + 0x1000;
    const hotReset = (at: number) => user.ioctl(device.fd, VFIO.DEVICE_PCI_HOT_RESET, at);
    expect(hotReset(0x10)).toBe(E.EFAULT);
    user.memory.write(end - 12, Uint8Array.from([16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]));
    expect(hotReset(end - 12)).toBe(E.EFAULT);
    user.memory.write(end - 12, Uint8Array.from([11]));
    expect(hotReset(end - 12)).toBe(E.EINVAL);
  });

  // covers: RS08
  it('is EAGAIN while somebody holds the device lock of any of them, and lets the others go', () => {
    const bench = new Bench();
    const { device, group } = twins(bench);
    const sibling = bench.bind(bench.pdev('0000:02:00.1'), {}, registry);
    device.write(region(0, 0x10), '78563412');
    sibling.pdev.lock.tryLock();
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(E.EAGAIN);
    expect([device.core.pdev.lock.locked, device.core.memoryLock.locked]).toEqual([false, false]);
    expect(device.read(region(0, 0x10), 4)).toBe('78563412');
  });

  // covers: RS13
  it('is ENOTTY behind a port that stays down, after the fact: reset, restored, and working', () => {
    const port = machine.root.find((slot) => slot.devfn === '08.0') as BridgeDescription;
    const bench = new Bench({ ...machine, root: [{ ...port, linkActive: 'stays-down' }] });
    const device = bench.openBound(bench.bind(bench.pdev('0000:01:00.0'), {}, registry));
    const group = bench.user.files.install(new GroupFile(device.core.pdev.group!));
    device.setConfig(4, 2, 6);
    device.write(region(0, 0x10), '78563412');
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(E.ENOTTY);
    expect([device.config(4, 2), device.read(region(0, 0x10), 4)]).toEqual([6, '00000000']);
  });

  it('leaves the function working', () => {
    const bench = new Bench();
    const device = bench.openBound(bench.bind(bench.pdev('0000:01:00.0'), {}, registry));
    const group = bench.user.files.install(new GroupFile(device.core.pdev.group!));
    device.setConfig(4, 2, 6);
    expect(device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, group])).toBe(0);
    expect(device.config(4, 2)).toBe(6);
    expect(device.read(region(0), 4)).toBe('00000000');
  });
});

describe('the last close', () => {
  // covers: LC18
  it('resets the bus for devices that cannot be reset alone', () => {
    const bench = new Bench();
    const { device } = twins(bench);
    bench.bind(bench.pdev('0000:02:00.1'), {}, registry);
    expect(device.core.resetWorks).toBe(true);
    device.core.resetWorks = false;
    const resets: string[] = [];
    bench.hardware.fabric.events.on('reset', ({ target, kind }) => resets.push(`${target.name} ${kind}`));
    device.close();
    expect(resets).toEqual(['0000:02:00.0 bus', '0000:02:00.1 bus']);
    expect(device.core.needsReset).toBe(false);
  });
});
