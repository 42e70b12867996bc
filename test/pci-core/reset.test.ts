import { describe, expect, it } from 'vitest';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, CONFIG, E, region } from './bench.ts';

describe('VFIO_DEVICE_RESET', () => {
  // covers: RS01
  it('resets the device behind the registers, and leaves what the user made of configuration space', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(4, 2, 0x0406);
    device.setConfig(0x10, 4, 0x1234_0000);
    device.setConfig(0x3c, 1, 0x55);
    device.write(region(0, 0x10), '78563412');
    expect(device.ioctl(VFIO.DEVICE_RESET, [])).toBe(0);
    expect(device.read(region(0, 0x10), 4)).toBe('00000000');
    expect(device.config(4, 2)).toBe(0x0406);
    expect(device.config(0x10, 4)).toBe(0x1234_0000);
    expect(device.config(0x3c, 1)).toBe(0x55);
    expect(device.raw(0x10, 4)).not.toBe(0);
    expect(device.core.irqs.virqDisabled).toBe(true);
  });

  // covers: RS01 LC08
  it('is EINVAL where no method works, EAGAIN while the device lock is taken', () => {
    const bench = new Bench();
    expect(bench.open('0000:00:03.0').ioctl(VFIO.DEVICE_RESET, [])).toBe(E.EINVAL);
    const device = bench.open('0000:01:00.0');
    device.core.pdev.lock.tryLock();
    expect(device.ioctl(VFIO.DEVICE_RESET, [])).toBe(E.EAGAIN);
  });

  it('wakes a device out of D3hot first', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(0x44, 2, 3);
    expect(device.ioctl(VFIO.DEVICE_RESET, [])).toBe(0);
    expect(device.config(0x44, 2) & 3).toBe(0);
    expect(device.read(region(0), 4)).toBe('00000000');
  });

  it('takes mappings away, which fault in again', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 0x1000);
    expect(device.touch(mapping)).toBe(true);
    device.ioctl(VFIO.DEVICE_RESET, []);
    expect(device.touch(mapping)).toBe(true);
  });

  // covers: RS02
  it('makes accesses and interrupts wait that come while it is under way', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { scheduler } = bench.hardware;
    const { user } = bench;
    const task = user.ioctlCall(device.fd, VFIO.DEVICE_RESET, 0);
    if (typeof task === 'number') throw new Error('a reset sleeps');
    const reset = scheduler.spawn('reset', task);
    scheduler.step();
    expect(device.core.memoryLock.locked).toBe(true);
    const mapping = device.mmap(region(0), 0x1000);
    expect(device.touch(mapping)).toBe(false);
    const began = scheduler.now;
    expect(device.read(CONFIG, 4)).toBe('8680c910');
    expect(reset.done).toBe(true);
    expect(scheduler.now).toBeGreaterThan(began);
    expect(device.touch(mapping)).toBe(true);
  });
});
