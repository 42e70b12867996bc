import { describe, expect, it } from 'vitest';
import { Bench, DOORBELL, E, type Opened, region } from './bench.ts';

const NONE_TRIGGER = 0x21;
const EVENTFD_TRIGGER = 0x24;
const MASK = 0x09;
const UNMASK = 0x11;

function level(device: Opened, asserted: boolean): void {
  device.write(region(0, DOORBELL.LEVEL), asserted ? '01000000' : '00000000');
}

// covers: DB07
describe.each([
  ['masked in the device', {}, '0000:00:02.0'],
  ['masked at the host', { nointxmask: true }, '0000:00:02.0'],
  ['of a device that cannot mask', {}, '0000:00:03.0'],
])('INTx, %s', (_name, options, bdf) => {
  // covers: IR03 IR05 IR08
  it('signals once, and again after an unmask while the device still asserts', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const { fd, counter } = bench.eventfd();
    expect(device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [fd])).toBe(0);
    level(device, true);
    expect(counter.drain()).toBe(1n);
    level(device, true);
    expect(counter.drain()).toBe(0n);
    expect(device.setIrqs(UNMASK, 0, 0, 1)).toBe(0);
    expect(counter.drain()).toBe(1n);
    level(device, false);
    expect(device.setIrqs(UNMASK, 0, 0, 1)).toBe(0);
    expect(counter.drain()).toBe(0n);
    level(device, true);
    expect(counter.drain()).toBe(1n);
  });

  // covers: CF47
  it('is silent while the user has INTX_DISABLE set, and catches up afterwards', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const { fd, counter } = bench.eventfd();
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [fd]);
    device.setConfig(4, 2, 0x0406);
    level(device, true);
    expect(counter.drain()).toBe(0n);
    expect(device.setIrqs(NONE_TRIGGER, 0, 0, 1)).toBe(0);
    expect(counter.drain()).toBe(0n);
    device.setConfig(4, 2, 0x0006);
    expect(counter.drain()).toBe(1n);
  });

  // covers: CF47
  it('set up while INTX_DISABLE is on starts masked', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const { fd, counter } = bench.eventfd();
    device.setConfig(4, 2, 0x0406);
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [fd]);
    level(device, true);
    expect(counter.drain()).toBe(0n);
    device.setConfig(4, 2, 0x0006);
    expect(counter.drain()).toBe(1n);
  });

  // covers: IR06 IR09
  it('stays silent while masked, but can be triggered by hand', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const { fd, counter } = bench.eventfd();
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [fd]);
    expect(device.setIrqs(MASK, 0, 0, 1)).toBe(0);
    level(device, true);
    expect(counter.drain()).toBe(0n);
    expect(device.setIrqs(NONE_TRIGGER, 0, 0, 1)).toBe(0);
    expect(counter.drain()).toBe(1n);
    device.setIrqs(UNMASK, 0, 0, 1);
    expect(counter.drain()).toBe(1n);
  });

  // covers: IR07
  it('unmasks by eventfd', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const trigger = bench.eventfd();
    const unmask = bench.eventfd();
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [trigger.fd]);
    expect(device.setIrqs(0x14, 0, 0, 1, [unmask.fd])).toBe(0);
    expect(device.setIrqs(0x14, 0, 0, 1, [unmask.fd])).toBe(E.EBUSY);
    level(device, true);
    trigger.counter.drain();
    unmask.counter.signal();
    bench.hardware.scheduler.settle();
    expect(trigger.counter.drain()).toBe(1n);
    expect(unmask.counter.count).toBe(0n);
    expect(device.setIrqs(0x14, 0, 0, 1, [-1])).toBe(0);
    unmask.counter.signal();
    expect(unmask.counter.count).toBe(1n);
  });

  // covers: IR07
  it('takes another eventfd that unmasks once the one before is gone, and none while it is there', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const trigger = bench.eventfd();
    const [first, second] = [bench.eventfd(), bench.eventfd()];
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [trigger.fd]);
    expect(device.setIrqs(0x14, 0, 0, 1, [first.fd])).toBe(0);
    expect(device.setIrqs(0x14, 0, 0, 1, [second.fd])).toBe(E.EBUSY);
    bench.user.close(first.fd);
    expect(device.setIrqs(0x14, 0, 0, 1, [second.fd])).toBe(0);
    level(device, true);
    trigger.counter.drain();
    second.counter.signal();
    bench.hardware.scheduler.settle();
    expect(trigger.counter.drain()).toBe(1n);
  });

  // covers: IR07
  it('is not unmasked by an eventfd where it is not masked', () => {
    const bench = new Bench();
    const device = bench.open(bdf, options);
    const trigger = bench.eventfd();
    const unmask = bench.eventfd();
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [trigger.fd]);
    device.setIrqs(0x14, 0, 0, 1, [unmask.fd]);
    unmask.counter.signal();
    bench.hardware.scheduler.settle();
    expect(trigger.counter.drain()).toBe(0n);
    expect(bench.hardware.scheduler.threads).toEqual([]);
  });
});

describe('INTx through SET_IRQS', () => {
  // covers: IR02 IR04
  it('can be active without an eventfd', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    expect(device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [-1])).toBe(0);
    expect(device.core.irqs.intx.isActive).toBe(true);
    expect(device.setIrqs(0x22, 0, 0, 1, [0])).toBe(0);
    expect(device.setIrqs(EVENTFD_TRIGGER, 1, 0, 1, [-1])).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, 0, 0, 0)).toBe(0);
    expect(device.core.irqs.isNone).toBe(true);
  });

  // covers: IR06
  it('needs to be active for everything but an eventfd', () => {
    const device = new Bench().open('0000:00:02.0');
    expect(device.setIrqs(NONE_TRIGGER, 0, 0, 1)).toBe(E.EINVAL);
    expect(device.setIrqs(MASK, 0, 0, 1)).toBe(E.EINVAL);
    expect(device.setIrqs(UNMASK, 0, 0, 1)).toBe(E.EINVAL);
    expect(device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [999])).toBe(E.EBADF);
  });

  // covers: IR10
  it('has no eventfd for masking', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [-1]);
    expect(device.setIrqs(0x0c, 0, 0, 1, [bench.eventfd().fd])).toBe(E.ENOTTY);
  });

  // covers: IO17 SR13
  it('does not exist on a VF', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    expect(device.setIrqs(EVENTFD_TRIGGER, 0, 0, 1, [-1])).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, 0, 0, 0)).toBe(E.EINVAL);
  });
});
