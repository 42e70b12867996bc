import { describe, expect, it } from 'vitest';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, type Opened, region } from './bench.ts';

function ioeventfd(device: Opened, flags: number, offset: number, data: number, fd: number, argsz = 32): number {
  const high = Math.floor(offset / 2 ** 32);
  return device.ioctl(VFIO.DEVICE_IOEVENTFD, [argsz, flags, offset >>> 0, high, data, 0, fd, 0]);
}

describe('ioeventfds', () => {
  // covers: IE04
  it('write the register when the eventfd is signalled', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd, counter } = bench.eventfd();
    expect(ioeventfd(device, 4, region(0, 0x10), 0x55, fd)).toBe(0);
    counter.signal(3n);
    expect(device.read(region(0, 0x10), 4)).toBe('55000000');
    expect(counter.count).toBe(0n);
    expect(ioeventfd(device, 8, region(4, 0x18), 0x66, fd)).toBe(0);
    counter.signal();
    expect(device.read(region(4, 0x18), 8)).toBe('6600000000000000');
  });

  it('of eight bytes are one access for a device that knows such', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const writes: unknown[] = [];
    device.core.pdev.function.model.write8 = (...access) => writes.push(access);
    const { fd, counter } = bench.eventfd();
    ioeventfd(device, 8, region(4, 0x18), 0x66, fd);
    counter.signal();
    expect(writes).toEqual([[4, 0x18, [0x66, 0]]]);
  });

  // covers: IE03 IE05
  it('are refused in the order of the kernel', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd } = bench.eventfd();
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_IOEVENTFD, 0x10)).toBe(E.EFAULT);
    expect(ioeventfd(device, 4, region(0), 1, fd, 27)).toBe(E.EINVAL);
    for (const flags of [0, 3, 5, 0x10, 0x14]) expect(ioeventfd(device, flags, region(0), 1, fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(0), 1, -2)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(6), 1, fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(0, 0x3ffe), 1, fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(3), 1, fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(0, 0x1ffe), 1, fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(0, 0x1ffc), 1, fd)).toBe(0);
    expect(ioeventfd(device, 4, region(0), 1, 999)).toBe(E.EBADF);
    expect(ioeventfd(device, 4, region(0), 1, device.fd)).toBe(E.EINVAL);
    expect(ioeventfd(device, 4, region(0, 1), 1, fd)).toBe(0);
  });

  // covers: IE01 IE02 IR26
  it('are one per tuple, and removed by fd -1', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd, counter } = bench.eventfd();
    expect(ioeventfd(device, 4, region(0), 1, -1)).toBe(E.ENODEV);
    expect(ioeventfd(device, 4, region(0), 1, fd)).toBe(0);
    expect(ioeventfd(device, 4, region(0), 1, fd)).toBe(E.EEXIST);
    expect(ioeventfd(device, 2, region(0), 1, fd)).toBe(0);
    // Closing the eventfd takes the hook, not the entry.
    bench.user.close(fd);
    expect(ioeventfd(device, 4, region(0), 1, bench.eventfd().fd)).toBe(E.EEXIST);
    expect(ioeventfd(device, 4, region(0), 1, -1)).toBe(0);
    counter.signal();
    expect(device.read(region(0), 4)).toBe('00000000');
  });

  // covers: IE03
  it('are at most a thousand', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd } = bench.eventfd();
    for (let i = 0; i < 1000; i++) expect(ioeventfd(device, 1, region(2), i, fd)).toBe(0);
    expect(ioeventfd(device, 1, region(2), 1000, fd)).toBe(E.ENOSPC);
  });

  // covers: IE04
  it('fire at once for a count from before, and silently not while memory is disabled', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd, counter } = bench.eventfd();
    counter.signal();
    ioeventfd(device, 4, region(0), 0x77, fd);
    expect(device.read(region(0), 4)).toBe('77000000');
    expect(counter.count).toBe(1n);
    ioeventfd(device, 4, region(0), 0x88, fd);
    device.setConfig(4, 2, 0);
    counter.signal();
    device.setConfig(4, 2, 2);
    expect(device.read(region(0), 4)).toBe('88000000');
  });

  /** A reset of the device gets under way. */
  function startReset({ hardware: { scheduler }, user }: Bench, device: Opened): void {
    const task = user.ioctlCall(device.fd, VFIO.DEVICE_RESET, 0);
    if (typeof task === 'number') throw new Error('a reset sleeps');
    scheduler.start('reset', task);
    expect(device.core.memoryLock.locked).toBe(true);
  }

  // covers: IE04
  it('write after a reset what was signalled while it was under way', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd, counter } = bench.eventfd();
    ioeventfd(device, 4, region(0, 0x10), 0x99, fd);
    startReset(bench, device);
    counter.signal();
    bench.accesses();
    bench.hardware.scheduler.settle();
    expect(device.core.memoryLock.locked).toBe(false);
    expect(bench.accesses()).toHaveLength(1);
    expect(device.read(region(0, 0x10), 4)).toBe('99000000');
  });

  it('are removed when that write is done', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { fd, counter } = bench.eventfd();
    ioeventfd(device, 4, region(0, 0x10), 0x99, fd);
    startReset(bench, device);
    counter.signal();
    const began = bench.hardware.scheduler.now;
    expect(ioeventfd(device, 4, region(0, 0x10), 0x99, -1)).toBe(0);
    expect(bench.hardware.scheduler.now).toBeGreaterThan(began);
    expect(device.read(region(0, 0x10), 4)).toBe('99000000');
  });

  it('are gone after the device was closed', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    const device = bench.openBound(core);
    const { fd, counter } = bench.eventfd();
    ioeventfd(device, 4, region(0), 1, fd);
    device.close();
    bench.accesses();
    counter.signal();
    expect(bench.accesses()).toEqual([]);
    expect(core.ioeventfds.size).toBe(0);
  });
});
