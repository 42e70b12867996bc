import { describe, expect, it } from 'vitest';
import type { Backing } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION } from '../../src/uapi/vfio.ts';
import { TestMachine, UNMAPPED } from './container-machine.ts';

const { EFAULT, ENOMEM } = ERRNO;
const MIB = 0x10_0000;

/** A v2 container with 4 MiB of memory to map. */
function v2(capabilities?: []) {
  const machine = new TestMachine();
  const opened = machine.opened(EXTENSION.TYPE1v2_IOMMU, capabilities);
  return { machine, ...opened, memory: opened.user.process.memory.allocate(4 * MIB) };
}

describe('locked memory', () => {
  // covers: T105 T119
  it('is charged to the process up to its limit, once for each mapping', () => {
    const { user, container, memory } = v2([]);
    user.process.memlockLimit = 0x1_0000;
    expect(user.map(container, 0, 0x1_1000, memory)).toBe(-ENOMEM);
    expect(user.process.lockedPages).toBe(0);
    expect(user.map(container, 0, 0x1_0000, memory)).toBe(0);
    expect(user.process.lockedPages).toBe(16);
    expect(user.map(container, MIB, 0x1000, memory)).toBe(-ENOMEM);
    user.process.memlockLimit = 0x1_1fff;
    expect(user.map(container, MIB, 0x1000, memory)).toBe(0);
    expect(user.unmap(container, 0, 0x1_0000)).toBe(0x1_0000);
    expect(user.process.lockedPages).toBe(1);
  });

  // covers: T119
  it('has no limit with CAP_IPC_LOCK, but is counted', () => {
    const { user, container, memory } = v2();
    user.process.memlockLimit = 0;
    expect(user.map(container, 0, 4 * MIB, memory)).toBe(0);
    expect(user.process.lockedPages).toBe(1024);
  });

  it('runs out before a fault that comes later in the range', () => {
    const { user, container, memory } = v2([]);
    user.process.memlockLimit = 0x4000;
    const nearTheEnd = memory + 4 * MIB - 0x4000;
    expect(user.map(container, 0, 0x6000, nearTheEnd)).toBe(-EFAULT);
    expect(user.map(container, 0, 0x6000, nearTheEnd - 0x1000)).toBe(-ENOMEM);
    expect(user.map(container, 0, 0x6000, UNMAPPED)).toBe(-EFAULT);
  });

  // covers: T119 T120
  it('does not grow by pages of devices, which must be enabled', () => {
    const { user, container, device, fd, iommuGroup } = v2([]);
    let enabled = true;
    const bar: Backing = {
      load: () => true,
      store: () => true,
      physical: (offset) => (enabled ? 0x8000_0000 + offset : undefined),
    };
    device.ops.mmap = () => bar;
    user.process.memlockLimit = 0;
    const window = user.process.mmap(fd, 0, 0x2000, { read: true, write: true, shared: true });
    expect(user.map(container, MIB, 0x1000, window + 0x1000)).toBe(0);
    expect(iommuGroup.domain.translate(MIB, true)!.physical).toBe(0x8000_1000);
    expect(user.process.lockedPages).toBe(0);
    enabled = false;
    expect(user.map(container, 2 * MIB, 0x1000, window)).toBe(-EFAULT);
    expect(user.unmap(container, MIB, 0x1000)).toBe(0x1000);
  });
});
