import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { TestMachine, type1Of } from './container-machine.ts';

const { E2BIG, EACCES, EBUSY, EFAULT, EINVAL, ENOMEM, EOVERFLOW, EPERM } = ERRNO;
const TOP_PAGE = 0xffff_ffff_ffff_f000n;

/** A container with one emulated device that pins pages, opened; `log` has its dma_unmap calls. */
function emulated(type: number = EXTENSION.TYPE1v2_IOMMU, onUnmap: (iova: number, length: number) => void = () => {}) {
  const machine = new TestMachine();
  const log: [number, number][] = [];
  const device = machine.emulated('m', {
    dma_unmap: (_data, iova, length) => {
      log.push([iova, length]);
      onUnmap(iova, length);
    },
  });
  const user = machine.user('user', []);
  const container = user.open('/dev/vfio/vfio');
  const group = user.open(device.group!.path);
  user.setContainer(group, container);
  user.process.ioctl(container, VFIO.SET_IOMMU, type);
  const type1 = type1Of(user, container);
  const fd = user.deviceFd(group, 'm');
  const memory = user.process.memory.allocate(0x10_0000);
  return { machine, device, user, container, group, fd, memory, log, type1, external: type1.external };
}

describe('a container without IOMMU', () => {
  it('records mappings, pins nothing, and knows no limit to IOVAs', () => {
    const { user, container, memory } = emulated();
    expect(user.map(container, TOP_PAGE, 0x1000, memory)).toBe(0);
    expect(user.map(container, 0xfee0_0000, 0x1000, 0x1000), 'not even looked at').toBe(0);
    expect(user.process.lockedPages).toBe(0);
    expect(user.unmap(container, TOP_PAGE, 0x1000)).toBe(0x1000);
    expect(user.unmap(container, 0, 0, 2)).toBe(0x1000);
  });

  // covers: T118
  it('pins what it has when a group with an IOMMU joins, or refuses the group', () => {
    const { machine, user, container, memory } = emulated();
    user.map(container, 0, 0x4000, memory);
    user.map(container, 0x10_0000, 0x1000, 0x1000);
    const real = machine.group(1);
    machine.device('a', real);
    const group = user.open('/dev/vfio/1');
    expect(user.setContainer(group, container)).toBe(-EFAULT);
    expect([user.process.lockedPages, real.owner]).toEqual([0, undefined]);
    user.unmap(container, 0x10_0000, 0x1000);
    user.process.memlockLimit = 0x3000;
    expect(user.setContainer(group, container)).toBe(-ENOMEM);
    user.process.memlockLimit = 0x4000;
    expect(user.setContainer(group, container)).toBe(0);
    expect(user.process.lockedPages).toBe(4);
    expect(real.domain.translate(0x3000, true)).toBeDefined();
    expect(user.process.ioctl(group, VFIO.GROUP_UNSET_CONTAINER, 0)).toBe(0);
    expect(user.process.lockedPages).toBe(0);
    expect(user.unmap(container, 0, 0x4000), 'kept for the emulated device').toBe(0x4000);
  });
});

describe('pages pinned by an emulated device', () => {
  // covers: T121
  it('are checked in order', () => {
    const { user, container, memory, external, device, fd } = emulated();
    const group = device.group!;
    user.map(container, 0, 0x2000, memory, 1);
    expect(external.pin(group, 0, 513, false)).toBe(-E2BIG);
    expect(external.pin(group, 2 ** 64, 1, false)).toBe(-EOVERFLOW);
    expect(external.pin(group, 0x10_0000, 1, false)).toBe(-EINVAL);
    expect(external.pin(group, 0, 1, true)).toBe(-EPERM);
    expect(external.pin(group, 0x1000, 2, false), 'all or nothing').toBe(-EINVAL);
    expect(user.process.lockedPages).toBe(0);
    expect(external.pin(group, 0, 2, false)).toHaveLength(2);
    expect(user.process.lockedPages).toBe(2);
    const v1 = emulated(EXTENSION.TYPE1_IOMMU);
    expect(v1.external.pin(v1.device.group!, 0, 1, false)).toBe(-EACCES);
    external.unpin(0, 2);
    user.close(fd);
    expect(external.pin(group, 0, 1, false), 'no open device that takes unmaps').toBe(-EINVAL);
    type1Of(user, container).state.mappings.invalid = 1;
    expect(external.pin(group, 0, 1, false)).toBe(-EBUSY);
  });

  it('are memory: those of a device can be mapped, and not handed out', () => {
    const { user, container, external, device } = emulated();
    const registers = { load: () => true, store: () => true, physical: (offset: number) => 0xe000_0000 + offset };
    const how = { read: true, write: true, device: true };
    user.map(container, 0, 0x1000, user.process.memory.map(registers, 0, 0x1000, how));
    expect(external.pin(device.group!, 0, 1, false)).toBe(-EINVAL);
    expect(user.process.lockedPages).toBe(0);
  });

  it('are paid for once, whoever pins them', () => {
    const { machine, user, container, memory, external, device } = emulated();
    const group = device.group!;
    user.process.memlockLimit = 0x2000;
    user.map(container, 0, 0x2000, memory);
    for (let n = 0; n < 2; n++) expect(external.pin(group, 0, 1, true)).toHaveLength(1);
    expect(user.process.lockedPages).toBe(1);
    machine.device('a', machine.group(1));
    const real = user.open('/dev/vfio/1');
    expect(user.setContainer(real, container)).toBe(0);
    expect(user.process.lockedPages).toBe(2);
    external.pin(group, 0x1000, 1, true);
    expect(user.process.lockedPages).toBe(2);
    user.close(real);
    expect(user.process.lockedPages, 'those still pinned').toBe(2);
    external.unpin(0, 2);
    expect(user.process.lockedPages, 'page 0 was pinned twice').toBe(1);
    external.unpin(0, 1);
    expect(user.process.lockedPages).toBe(0);
    user.process.memlockLimit = 0;
    expect(external.pin(group, 0, 1, true)).toBe(-ENOMEM);
  });

  it('bring no joining group nearer to the limit, which is met before a fault that comes later', () => {
    const { machine, user, container, memory, external, device } = emulated();
    const last = memory + 0x10_0000 - 0x2000;
    user.map(container, 0, 0x4000, last - 0x1000);
    expect(external.pin(device.group!, 0, 1, false)).toHaveLength(1);
    const real = machine.group(1);
    machine.device('a', real);
    const group = user.open('/dev/vfio/1');
    user.process.memlockLimit = 0x2000;
    expect(user.setContainer(group, container), 'one page more, and then one too many').toBe(-ENOMEM);
    user.process.memlockLimit = 0x3000;
    expect(user.setContainer(group, container), 'three pages, and then none').toBe(-EFAULT);
    expect(user.process.lockedPages).toBe(1);
  });

  it('are all given back when there is no memory for one of them', () => {
    const { machine, user, container, memory, external, device } = emulated();
    user.map(container, 0, 0x4000, memory);
    const pins = (): number => machine.memory.extents.items.reduce((sum, extent) => sum + extent.pins, 0);
    const before = pins();
    for (let n = 1; n <= 4; n++) {
      user.process.faults.arm('allocation', n);
      expect(external.pin(device.group!, 0, 4, true)).toBe(-ENOMEM);
      expect([user.process.lockedPages, pins()]).toEqual([0, before]);
    }
    expect(external.pin(device.group!, 0, 4, true)).toHaveLength(4);
    external.unpin(0, 4);
    expect([user.process.lockedPages, pins()]).toEqual([0, before]);
  });

  it('stay what they are when the process takes its memory away', () => {
    const { machine, user, container, memory, external, device } = emulated();
    user.map(container, 0, 0x1000, memory);
    const [page] = external.pin(device.group!, 0, 1, true) as number[];
    user.process.munmap(memory);
    expect(machine.memory.write(page!, Uint8Array.of(5))).toBe(true);
    external.unpin(0, 1);
    expect(machine.memory.owner(page!)).toBeUndefined();
  });

  // covers: T121
  it('are asked for before they are unmapped', () => {
    const pinned = emulated(EXTENSION.TYPE1v2_IOMMU, (iova) => pinned.external.unpin(iova, 4));
    const { user, container, memory, log, external, device } = pinned;
    for (const iova of [0, 0x4000, 0x8000]) user.map(container, iova, 0x4000, memory);
    external.pin(device.group!, 0x4000, 3, true);
    external.pin(device.group!, 0x8000, 1, true);
    expect(user.unmap(container, 0, 0xc000)).toBe(0xc000);
    expect(log).toEqual([
      [0x4000, 0x4000],
      [0x8000, 0x4000],
    ]);
    expect(user.process.lockedPages).toBe(0);
  });

  it('that are not given back are a fault of the driver, not an endless loop', () => {
    const { user, container, memory, external, device, log } = emulated();
    user.map(container, 0, 0x1000, memory);
    external.pin(device.group!, 0, 1, true);
    expect(() => user.unmap(container, 0, 0x1000)).toThrow(/kernel BUG/);
    expect(log.length).toBeGreaterThan(10);
  });

  it('are what is dirty, with what the device wrote, if no other group can write', () => {
    const { machine, user, container, memory, external, device } = emulated();
    user.map(container, 0, 0x10_0000, memory);
    const bitmap = user.process.memory.allocate(0x1000);
    const query = (): bigint => {
      user.put(bitmap, 0, 0, 0, 0);
      expect(user.getDirty(container, 0, 0x10_0000, bitmap, 32)).toBe(0);
      return user.u64(0, bitmap);
    };
    external.pin(device.group!, 0x3000, 1, true);
    user.dirty(container, 1);
    expect(query()).toBe(8n);
    external.pin(device.group!, 0x5000, 1, true);
    external.unpin(0x3000, 1);
    expect(query(), 'unpinned since').toBe(0x28n);
    expect(query()).toBe(0x20n);
    expect(external.access(user.process, 0x1ffe, Uint8Array.of(1, 2, 3), true)).toBe(0);
    expect(query()).toBe(0x26n);
    expect([...user.process.memory.read(memory + 0x1ffe, 3)!]).toEqual([1, 2, 3]);
    machine.device('a', machine.group(1));
    const real = user.open('/dev/vfio/1');
    user.setContainer(real, container);
    expect(query()).toBe(0xffff_ffff_ffff_ffffn);
    external.unpin(0x5000, 1);
    expect(query()).toBe(0xffff_ffff_ffff_ffffn);
    user.close(real);
    expect(query(), 'what it wrote last is not known').toBe(0xffff_ffff_ffff_ffffn);
    expect(query()).toBe(0n);
  });
});

describe('access by an emulated device', () => {
  // covers: T121
  it('goes where a mapping allows it, in its own process', () => {
    const { machine, user, container, memory, external, device } = emulated();
    user.map(container, 0, 0x1000, memory);
    user.map(container, 0x1000, 0x1000, memory + 0x8000, 1);
    user.map(container, 0x2000, 0x1000, memory, 2);
    user.process.memory.write(memory + 0xfff, Uint8Array.of(7));
    user.process.memory.write(memory + 0x8000, Uint8Array.of(8));
    const out = new Uint8Array(2);
    expect(external.access(undefined, 0xfff, out, false)).toBe(0);
    expect([...out]).toEqual([7, 8]);
    expect(external.access(undefined, 0xfff, out, true)).toBe(-EPERM);
    expect(external.access(undefined, 0x2000, out, false)).toBe(-EPERM);
    expect(external.access(undefined, 0x3000, out, false)).toBe(-EINVAL);
    expect(external.access(machine.user('other').process, 0, out, false)).toBe(-EFAULT);
    user.map(container, 0x4000, 0x1000, 0x1000);
    for (const write of [false, true])
      expect(external.access(undefined, 0x4000, out, write), 'no memory').toBe(-EFAULT);
    expect(external.pin(device.group!, 0x4000, 1, true), 'no memory').toBe(-EFAULT);
    type1Of(user, container).state.mappings.invalid = 1;
    expect(external.access(undefined, 0, out, false), 'an address is due').toBe(-EBUSY);
  });
});
