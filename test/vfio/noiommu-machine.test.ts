/** A machine without an IOMMU: no groups, and devices for trusted users only (enable_unsafe_noiommu_mode). */
import { describe, expect, it } from 'vitest';
import { edu } from '../../sim/devices/edu/description.ts';
import { igb } from '../../sim/devices/igb/description.ts';
import { Machine } from '../../src/machine/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { CdevUser } from './cdev-user.ts';

const BDF = '0000:00:03.0';
const description = { name: 'bare', root: [{ devfn: '03.0', function: edu }] };

function bare(parameters = {}): CdevUser {
  return new CdevUser(new Machine(description, { parameters }));
}

describe('a device that no IOMMU translates', () => {
  // covers: GP16
  it('has no group, and vfio-pci takes it only where the administrator allows that', () => {
    const user = bare();
    expect(user.process.readlink(`/sys/bus/pci/devices/${BDF}/iommu_group`)).toBe(-ERRNO.ENOENT);
    expect(() => user.bindDriver(BDF)).toThrow(`${-ERRNO.EINVAL}`);
    user.write('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y');
    user.bindDriver(BDF);
    expect(user.machine.kernel.devfs.paths).toContain('/dev/vfio/noiommu-4096');
    expect(user.machine.kernel.devfs.paths).toContain('/dev/vfio/devices/noiommu-vfio0');
  });

  // covers: GP16 HW14
  it('is opened through a container of type 8, and reaches physical memory', () => {
    const user = bare({ noiommu: true });
    user.bindDriver(BDF);
    const { process } = user;
    const container = process.open('/dev/vfio/vfio');
    const group = process.open('/dev/vfio/noiommu-4096');
    expect(user.call(group, VFIO.GROUP_SET_CONTAINER, [container])).toBe(0);
    expect(process.ioctl(container, VFIO.SET_IOMMU, EXTENSION.TYPE1v2_IOMMU)).toBe(-ERRNO.ENODEV);
    expect(process.ioctl(container, VFIO.SET_IOMMU, EXTENSION.NOIOMMU_IOMMU)).toBe(0);
    expect(user.fromGroup(group, BDF)).toBeGreaterThan(0);
    expect(user.call(container, VFIO.IOMMU_MAP_DMA, [32])).toBe(-ERRNO.ENOTTY);
    const { fabric, memory, functions } = user.machine.hardware;
    const secret = memory.allocate('somebody', 4096);
    memory.write(secret.start, Uint8Array.of(1, 2, 3, 4));
    const seen = new Uint8Array(4);
    expect(fabric.read(functions.find(({ name }) => name === BDF)!, secret.start, seen)).toBe(true);
    expect([...seen]).toEqual([1, 2, 3, 4]);
  });

  it('works with a driver of the host as anywhere', () => {
    const port = { kind: 'root-port', devfn: '04.0', below: [{ devfn: '00.0', function: igb }] } as const;
    const { process } = new CdevUser(new Machine({ name: 'bare', root: [port] }));
    expect(process.readlink('/sys/bus/pci/devices/0000:01:00.0/driver')).toBe('/sys/bus/pci/drivers/igb');
  });
});
