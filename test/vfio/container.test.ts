import { describe, expect, it } from 'vitest';
import { Iommu } from '../../sim/iommu/iommu.ts';
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { RECORDED_IOMMU, TestMachine, type1Of, type User } from './container-machine.ts';

const { EBUSY, EINVAL, ENODEV, ENOTTY, EPERM } = ERRNO;

/** Extensions 0 to 15 that answer 1; no other answer than 0 and 1 may come. */
function extensions(user: User, container: number): number[] {
  const answers = Array.from({ length: 16 }, (_, n) => user.process.ioctl(container, VFIO.CHECK_EXTENSION, n));
  expect(answers.every((answer) => answer === 0 || answer === 1)).toBe(true);
  return answers.flatMap((answer, n) => (answer === 1 ? [n] : []));
}

/** A container with the groups of these ids, not yet set to an IOMMU. */
function containerOf(user: User, ...paths: string[]): { container: number; groups: number[]; results: number[] } {
  const container = user.open('/dev/vfio/vfio');
  const groups = paths.map((path) => user.open(path));
  return { container, groups, results: groups.map((group) => user.setContainer(group, container)) };
}

describe('a container', () => {
  // covers: GP12 GP14
  it('without an IOMMU answers three ioctls and EINVAL', () => {
    const user = new TestMachine().user();
    const container = user.open('/dev/vfio/vfio');
    expect(user.process.ioctl(container, VFIO.GET_API_VERSION, 7)).toBe(0);
    for (const type of [0, 1, 3, 6, 8, 99]) expect(user.process.ioctl(container, VFIO.SET_IOMMU, type)).toBe(-EINVAL);
    for (const command of [VFIO.IOMMU_GET_INFO, VFIO.IOMMU_MAP_DMA, VFIO.GROUP_GET_STATUS, 0])
      expect(user.process.ioctl(container, command, user.page)).toBe(-EINVAL);
    expect(user.process.read(container, user.page, 8)).toBe(-EINVAL);
    expect(user.process.write(container, user.page, 8)).toBe(-EINVAL);
    expect(user.process.mmap(container, 0, 4096, { read: true, write: true, shared: true })).toBe(-ENODEV);
  });

  it('with type1 answers ENOTTY to what type1 does not know', () => {
    const { user, container } = new TestMachine().opened();
    for (const command of [0x3b69, 0x3b6a, 0x3b6e, VFIO.IOMMU_ENABLE, VFIO.IOMMU_DISABLE, 0x3b76, 0x3b82])
      expect(user.process.ioctl(container, command, user.page)).toBe(-ENOTTY);
  });

  // covers: GP13
  it('tells its extensions by what it contains', () => {
    const machine = new TestMachine();
    const user = machine.user();
    const empty = user.open('/dev/vfio/vfio');
    expect(extensions(user, empty)).toEqual([1, 3, 9]);
    expect(user.process.ioctl(empty, VFIO.CHECK_EXTENSION, -1)).toBe(0);
    const opened = machine.opened();
    expect(extensions(opened.user, opened.container)).toEqual([1, 3, 9, 10]);
    const mdev = machine.emulated('m');
    const group = opened.user.open(mdev.group!.path);
    expect(opened.user.setContainer(group, opened.container)).toBe(0);
    expect(extensions(opened.user, opened.container)).toEqual([1, 3, 9]);
    opened.user.close(group);
    expect(extensions(opened.user, opened.container)).toEqual([1, 3, 9, 10]);
  });

  // covers: GP13
  it('promises cache coherency if every domain enforces it, or if there is none', () => {
    const coherent = new TestMachine({ enforceCoherency: true }).opened();
    expect(extensions(coherent.user, coherent.container)).toContain(EXTENSION.DMA_CC_IOMMU);
    const machine = new TestMachine();
    const mdev = machine.emulated('m');
    const user = machine.user();
    const { container } = containerOf(user, mdev.group!.path);
    user.process.ioctl(container, VFIO.SET_IOMMU, 3);
    expect(extensions(user, container)).toEqual([1, 3, 4, 9]);
  });

  // covers: GP14
  it('sets its IOMMU once, and only to a type that exists', () => {
    const machine = new TestMachine();
    machine.device('a', machine.group(1));
    const user = machine.user();
    const { container, groups } = containerOf(user, '/dev/vfio/1');
    const set = (type: number) => user.process.ioctl(container, VFIO.SET_IOMMU, type);
    for (const type of [0, 2, 4, 5, 6, 7, 8, 10, 99, -1]) expect(set(type)).toBe(-ENODEV);
    // UNMAP_ALL is an extension of type1, but no type: its open refuses.
    expect(set(EXTENSION.UNMAP_ALL)).toBe(-EINVAL);
    expect(set(3)).toBe(0);
    for (const type of [3, 1, 99]) expect(set(type)).toBe(-EINVAL);
    user.process.ioctl(groups[0]!, VFIO.GROUP_UNSET_CONTAINER, 0);
    expect(set(3)).toBe(-EINVAL);
    expect(user.process.ioctl(container, VFIO.CHECK_EXTENSION, EXTENSION.UPDATE_VADDR)).toBe(0);
  });

  // covers: GP17
  it('refuses a group whose device can forge interrupts, unless the administrator allows it', () => {
    const machine = new TestMachine({ interruptRemapping: false });
    machine.device('a', machine.group(1));
    const user = machine.user();
    const { container } = containerOf(user, '/dev/vfio/1');
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 3)).toBe(-EPERM);
    machine.parameters.allowUnsafeInterrupts = true;
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 3)).toBe(0);
  });

  // covers: GP17
  it('with one group that cannot be attached attaches none', () => {
    const machine = new TestMachine();
    const unsafe = new Iommu({ ...RECORDED_IOMMU, interruptRemapping: false });
    const [good, bad] = [machine.group(1), machine.group(2, unsafe)];
    machine.device('a', good);
    machine.device('b', bad);
    const user = machine.user();
    const { container, groups, results } = containerOf(user, '/dev/vfio/2', '/dev/vfio/1');
    expect(results).toEqual([0, 0]);
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 3)).toBe(-EPERM);
    expect([good, bad].map((group) => group.domain.kind)).toEqual(['blocked', 'blocked']);
    user.process.ioctl(groups[0]!, VFIO.GROUP_UNSET_CONTAINER, 0);
    expect(bad.domain).toBe(bad.defaultDomain);
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 3)).toBe(0);
    expect(user.setContainer(groups[0]!, container)).toBe(-EPERM);
    expect(bad.owner).toBeUndefined();
  });

  // covers: T116
  it('shares one page table between groups of one IOMMU that snoop alike', () => {
    const machine = new TestMachine();
    const other = new Iommu({ ...RECORDED_IOMMU, pageSizes: [0x1000, 0x20_0000], aperture: [0, 0xff_ffff_ffff] });
    const coherent = new Iommu({ ...RECORDED_IOMMU, enforceCoherency: true });
    const groups = [machine.group(1), machine.group(2), machine.group(3, other), machine.group(4, coherent)];
    groups.forEach((group, n) => void machine.device(`d${n}`, group));
    const user = machine.user();
    const first = containerOf(user, '/dev/vfio/1', '/dev/vfio/2');
    user.process.ioctl(first.container, VFIO.SET_IOMMU, 3);
    expect(groups[1]!.domain).toBe(groups[0]!.domain);
    const memory = user.process.memory.allocate(0x4000);
    expect(user.map(first.container, 0x1000, 0x4000, memory)).toBe(0);
    for (const id of [3, 4]) expect(user.setContainer(user.open(`/dev/vfio/${id}`), first.container)).toBe(0);
    const { state } = type1Of(user, first.container);
    expect(state.domains.length).toBe(3);
    expect(state.pageSizes).toBe(0x20_1000n);
    expect(state.ranges.list.at(-1)!.end).toBe(0x100_0000_0000);
    for (const group of groups) expect(group.domain.translate(0x3fff, true)).toMatchObject({ start: 0x1000 });
    expect(user.process.lockedPages).toBe(4);
    expect(user.unmap(first.container, 0x1000, 0x4000)).toBe(0x4000);
    for (const group of groups) expect(group.domain.mappings.size).toBe(0);
  });

  // covers: T118 T104
  it('gets the IOVAs back that a leaving group made unusable', () => {
    const machine = new TestMachine();
    const small = new Iommu({ ...RECORDED_IOMMU, aperture: [0x10_0000, 0xff_ffff] });
    machine.device('a', machine.group(1));
    machine.device('b', machine.group(2, small));
    const user = machine.user();
    const { container, groups } = containerOf(user, '/dev/vfio/1', '/dev/vfio/2');
    user.process.ioctl(container, VFIO.SET_IOMMU, 3);
    const memory = user.process.memory.allocate(0x1000);
    expect(type1Of(user, container).state.ranges.list).toEqual([{ start: 0x10_0000, end: 0x100_0000 }]);
    expect(user.map(container, 0x1000, 0x1000, memory)).toBe(-EINVAL);
    user.process.ioctl(groups[1]!, VFIO.GROUP_UNSET_CONTAINER, 0);
    expect(user.map(container, 0x1000, 0x1000, memory)).toBe(0);
    expect(user.setContainer(groups[1]!, container)).toBe(-EINVAL);
    expect(user.unmap(container, 0x1000, 0x1000)).toBe(0x1000);
    expect(user.setContainer(groups[1]!, container)).toBe(0);
  });

  // covers: T117 T118
  it('refuses a group in whose reserved regions something is mapped', () => {
    const machine = new TestMachine();
    const { user, container } = machine.opened();
    const second = machine.group(2);
    Object.defineProperty(second, 'reservedRegions', {
      value: [
        { start: 0x2000, end: 0x2fff, type: 'direct-relaxable' },
        { start: 0x4000, end: 0x4fff, type: 'reserved' },
      ],
    });
    machine.device('b', second);
    const group = user.open('/dev/vfio/2');
    const memory = user.process.memory.allocate(0x4000);
    user.map(container, 0x2000, 0x1000, memory);
    user.map(container, 0x4000, 0x1000, memory);
    expect(user.setContainer(group, container)).toBe(-EINVAL);
    user.unmap(container, 0x4000, 0x1000);
    expect(user.setContainer(group, container)).toBe(0);
    expect(user.map(container, 0x4000, 0x1000, memory)).toBe(-EINVAL);
    expect(user.map(container, 0x3000, 0x1000, memory)).toBe(0);
  });

  // covers: T117
  it('refuses a group that could reach nothing: EINVAL, and the container is what it was', () => {
    const machine = new TestMachine();
    const { user, container } = machine.opened();
    const second = machine.group(2);
    const all = [{ start: 0, end: 0xffff_ffff_ffff, type: 'reserved' }];
    Object.defineProperty(second, 'reservedRegions', { value: all });
    machine.device('b', second);
    expect(user.setContainer(user.open('/dev/vfio/2'), container)).toBe(-EINVAL);
    expect(second.owner).toBeUndefined();
    expect(user.map(container, 0, 0x1000, user.page)).toBe(0);
  });

  // covers: RS14 T106
  it('takes no group while a mapping has no address, nor one that is being reset', () => {
    const machine = new TestMachine();
    const { user, container } = machine.opened();
    const second = machine.group(2);
    machine.device('b', second);
    const group = user.open('/dev/vfio/2');
    const memory = user.process.memory.allocate(0x1000);
    user.map(container, 0, 0x1000, memory);
    expect(user.unmap(container, 0, 0x1000, 4)).toBe(0x1000);
    expect(user.setContainer(group, container)).toBe(-EBUSY);
    expect(user.map(container, 0, 0x1000, memory, 4)).toBe(0);
    second.devices.push({ resetting: true, function: { aliasId: 8 } } as PciDevice);
    expect(user.setContainer(group, container)).toBe(-EBUSY);
    second.devices.pop();
    expect(user.setContainer(group, container)).toBe(0);
  });
});

describe('a container without any IOMMU', () => {
  function noiommu(): { machine: TestMachine; path: string } {
    const machine = new TestMachine();
    const device = machine.untranslated('n');
    machine.device('real', machine.group(1));
    return { machine, path: device.group!.path };
  }

  // covers: GP04
  it('is no place for groups that have one, and the other way round', () => {
    const { machine, path } = noiommu();
    const user = machine.user();
    expect(containerOf(user, path, '/dev/vfio/1').results).toEqual([0, -EPERM]);
    const other = noiommu();
    expect(containerOf(other.machine.user(), '/dev/vfio/1', other.path).results).toEqual([0, -EPERM]);
  });

  // covers: GP16
  it('is only for those who may do raw I/O, at every step', () => {
    const { machine, path } = noiommu();
    const user = machine.user();
    const { capabilities } = user.process;
    const early = user.open(path);
    capabilities.delete('CAP_SYS_RAWIO');
    expect(user.setContainer(early, user.open('/dev/vfio/vfio'))).toBe(-EPERM);
    capabilities.add('CAP_SYS_RAWIO');
    user.close(early);
    const { container, groups, results } = containerOf(user, path);
    expect(results).toEqual([0]);
    expect(extensions(user, container)).toEqual([8]);
    capabilities.delete('CAP_SYS_RAWIO');
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 8)).toBe(-EPERM);
    capabilities.add('CAP_SYS_RAWIO');
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 3)).toBe(-ENODEV);
    expect(user.process.ioctl(container, VFIO.SET_IOMMU, 8)).toBe(0);
    expect(user.process.ioctl(container, VFIO.IOMMU_MAP_DMA, user.page)).toBe(-ENOTTY);
    capabilities.delete('CAP_SYS_RAWIO');
    expect(user.deviceFd(groups[0]!, 'n')).toBe(-EPERM);
    capabilities.add('CAP_SYS_RAWIO');
    expect(user.deviceFd(groups[0]!, 'n')).toBeGreaterThan(0);
  });
});
