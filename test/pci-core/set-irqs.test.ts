import { describe, expect, it } from 'vitest';
import { CAP } from '../../sim/pci/registers.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, DOORBELL, E, type Opened, region } from './bench.ts';

const NONE_TRIGGER = 0x21;
const BOOL_TRIGGER = 0x22;
const EVENTFD_TRIGGER = 0x24;
const [INTX, MSI, MSIX, ERR, REQ] = [0, 1, 2, 3, 4];

/** Opens the nic on a host that cannot add MSI-X vectors later. */
function fixed(bench: Bench): Opened {
  const core = bench.bind(bench.pdev('0000:01:00.0'));
  core.platformDynMsix = false;
  const device = bench.openBound(core);
  device.setConfig(4, 2, 6);
  return device;
}

/** The device sends the message of a vector. */
function ring(device: Opened, vector: number): void {
  device.write(region(0, DOORBELL.MESSAGE), Buffer.from([vector, 0, 0, 0]).toString('hex'));
}

describe('the argument of SET_IRQS', () => {
  // covers: IR01
  it('is checked in the order of the kernel', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_SET_IRQS, 0x10)).toBe(E.EFAULT);
    expect(device.ioctl(VFIO.DEVICE_SET_IRQS, [19, EVENTFD_TRIGGER, INTX, 0, 1, 0])).toBe(E.EINVAL);
    expect(device.setIrqs(EVENTFD_TRIGGER, 5, 0, 1, [-1])).toBe(E.EINVAL);
    expect(device.setIrqs(0x40 | EVENTFD_TRIGGER, INTX, 0, 1, [-1])).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 0xffff_fff0, 0xffff_fff0)).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 4, 5)).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 8, 0)).toBe(E.EINVAL);
    expect(device.setIrqs(0x20, MSIX, 0, 1)).toBe(E.EINVAL);
    expect(device.setIrqs(0x23, MSIX, 0, 1, [1])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_SET_IRQS, [23, EVENTFD_TRIGGER, MSIX, 0, 1, 0])).toBe(E.EINVAL);
  });

  // covers: IR01 IR18
  it('without an action is ENOTTY, without a data type EINVAL', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.setIrqs(0x01, MSIX, 0, 1)).toBe(E.ENOTTY);
    expect(device.setIrqs(0x19, INTX, 0, 1)).toBe(E.ENOTTY);
    for (const index of [MSI, MSIX, ERR, REQ]) {
      expect(device.setIrqs(0x09, index, 0, 1)).toBe(E.ENOTTY);
      expect(device.setIrqs(0x11, index, 0, 1)).toBe(E.ENOTTY);
    }
  });

  // covers: IR01
  it('names data that must be readable', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const end = bench.user.memory.allocate(0x1000) + 0x1000;
    const bytes = Buffer.alloc(20);
    for (const [i, word] of [24, EVENTFD_TRIGGER, MSIX, 0, 1].entries()) bytes.writeUInt32LE(word, 4 * i);
    bench.user.memory.write(end - 20, bytes);
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_SET_IRQS, end - 20)).toBe(E.EFAULT);
  });
});

describe('MSI-X', () => {
  // covers: IR12 IR14 IR15 IR16 IR17 IR22
  it('arms vectors, and a failing block disarms the whole prefix', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const [a, b, d] = [bench.eventfd(), bench.eventfd(), bench.eventfd()];
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 4, [a.fd, b.fd, -1, d.fd])).toBe(0);
    for (const vector of [0, 1, 2, 3]) ring(device, vector);
    expect([a, b, d].map(({ counter }) => counter.drain())).toEqual([1n, 1n, 1n]);
    // Beyond what was enabled: that vector only is cleared.
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 4, 1, [a.fd])).toBe(E.EINVAL);
    ring(device, 0);
    expect(a.counter.drain()).toBe(1n);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 4, [a.fd, b.fd, 999, d.fd])).toBe(E.EBADF);
    for (const vector of [0, 1, 3]) ring(device, vector);
    expect([a, b, d].map(({ counter }) => counter.drain())).toEqual([0n, 0n, 1n]);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 0, 4)).toBe(0);
    expect([a, b, d].map(({ counter }) => counter.drain())).toEqual([0n, 0n, 1n]);
  });

  // covers: IR19
  it('is disabled by no data and count 0, once', () => {
    const bench = new Bench();
    const device = fixed(bench);
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 8, Array(8).fill(-1));
    expect(device.setIrqs(NONE_TRIGGER, MSI, 0, 0)).toBe(E.EINVAL);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 0, 0)).toBe(0);
    expect(device.raw(0xa2, 2)).toBe(0x0007);
    expect(device.raw(4, 2) & 0x400).toBe(0);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 0, 0)).toBe(E.EINVAL);
  });

  // covers: IR15
  it('loses one vector by fd -1, and no other; what comes for it waits until it is armed again', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const [a, b, c] = [bench.eventfd(), bench.eventfd(), bench.eventfd()];
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 3, [a.fd, b.fd, c.fd]);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 1, 1, [-1])).toBe(0);
    const rings = () => {
      for (const vector of [0, 1, 2]) ring(device, vector);
      return [a, b, c].map(({ counter }) => counter.drain());
    };
    expect(rings()).toEqual([1n, 0n, 1n]);
    expect(device.setIrqs(NONE_TRIGGER, MSIX, 0, 3)).toBe(0);
    expect([a, b, c].map(({ counter }) => counter.drain())).toEqual([1n, 0n, 1n]);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 1, 1, [b.fd])).toBe(0);
    expect(b.counter.drain()).toBe(1n);
    expect(rings()).toEqual([1n, 1n, 1n]);
  });

  // covers: IR13
  it('grows vector by vector where the host can', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(4, 2, 6);
    const [a, b] = [bench.eventfd(), bench.eventfd()];
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [a.fd])).toBe(0);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 5, 1, [b.fd])).toBe(0);
    ring(device, 5);
    expect(b.counter.drain()).toBe(1n);
  });

  it('delivers what was pending when a vector is armed', () => {
    const bench = new Bench();
    const device = fixed(bench);
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 2, [-1, -1]);
    ring(device, 1);
    const late = bench.eventfd();
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 1, 1, [late.fd]);
    expect(late.counter.drain()).toBe(1n);
  });

  // covers: IR17
  it('signals by boolean where a byte is set', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const [a, b] = [bench.eventfd(), bench.eventfd()];
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 2, [a.fd, b.fd]);
    expect(device.setIrqs(BOOL_TRIGGER, MSIX, 0, 2, [0, 1])).toBe(0);
    expect([a, b].map(({ counter }) => counter.drain())).toEqual([0n, 1n]);
  });

  // covers: IR16 IR22
  it('leaves nothing enabled when the first block fails', () => {
    const bench = new Bench();
    const device = fixed(bench);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 2, [bench.eventfd().fd, 999])).toBe(E.EBADF);
    expect(device.raw(0xa2, 2)).toBe(0x0007);
    expect(device.core.irqs.isNone).toBe(true);
    const file = bench.user.files.install({ name: 'not an eventfd' });
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [file])).toBe(E.EINVAL);
  });

  it('of no vectors is ERANGE, in D3hot EINVAL', () => {
    const device = fixed(new Bench());
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 0)).toBe(E.ERANGE);
    device.setConfig(0x44, 2, 3);
    for (const index of [MSI, MSIX]) expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [-1])).toBe(E.EINVAL);
    device.setConfig(0x44, 2, 0);
    for (const index of [MSI, MSIX]) {
      expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [-1])).toBe(0);
      expect(device.setIrqs(NONE_TRIGGER, index, 0, 0)).toBe(0);
    }
  });

  // covers: IR24
  it('has its message written again when an eventfd is set, whatever became of the table', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const [a, b] = [bench.eventfd(), bench.eventfd()];
    device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [a.fd]);
    const table = device.mmap(region(0, 0x2000), 0x1000);
    const message = bench.user.memory.read(table, 12)!;
    bench.user.memory.write(table, new Uint8Array(12).fill(0x10));
    ring(device, 0);
    expect(a.counter.drain()).toBe(0n);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [b.fd])).toBe(0);
    expect(bench.user.memory.read(table, 12)).toEqual(message);
    ring(device, 0);
    expect([a.counter.drain(), b.counter.drain()]).toEqual([0n, 1n]);
  });

  // covers: IR25
  it('works with memory disabled by the user, and through a reset', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const a = bench.eventfd();
    device.setConfig(4, 2, 0);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [a.fd])).toBe(0);
    expect(device.raw(4, 2)).toBe(0);
    device.setConfig(4, 2, 6);
    ring(device, 0);
    expect(a.counter.drain()).toBe(1n);
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_RESET, 0)).toBe(0);
    ring(device, 0);
    expect(a.counter.drain()).toBe(1n);
  });

  // covers: IR11 IR12
  it('stops with the host out of vectors, and what works goes on', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(4, 2, 6);
    Object.assign(bench.hardware.fabric.interrupts, { capacity: 1 });
    for (const index of [MSI, MSIX]) expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 2, [-1, -1])).toBe(E.ENOSPC);
    const a = bench.eventfd();
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [a.fd])).toBe(0);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 1, 1, [a.fd]), 'one more').toBe(E.ENOSPC);
    ring(device, 0);
    expect(a.counter.drain()).toBe(1n);
  });
});

describe('MSI', () => {
  // covers: IR02
  it('delivers each of several messages to its eventfd', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const other = bench.eventfd();
    // An odd vector in front makes the host's block start later.
    bench.pdev('0000:00:02.0').allocateVector(() => {});
    const all = [0, 1, 2, 3].map(() => bench.eventfd());
    expect(
      device.setIrqs(
        EVENTFD_TRIGGER,
        MSI,
        0,
        4,
        all.map(({ fd }) => fd),
      ),
    ).toBe(0);
    for (const vector of [3, 1, 1]) ring(device, vector);
    expect(all.map(({ counter }) => counter.drain())).toEqual([0n, 2n, 0n, 1n]);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSIX, 0, 1, [other.fd])).toBe(E.EINVAL);
  });

  // covers: IR11
  it('answers the number it can have when that is less, and enables nothing', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    Object.assign(bench.hardware.fabric.iommu.features, { interruptRemapping: false });
    try {
      expect(device.setIrqs(EVENTFD_TRIGGER, MSI, 0, 4, [-1, -1, -1, -1])).toBe(1);
      expect(device.core.irqs.isNone).toBe(true);
    } finally {
      Object.assign(bench.hardware.fabric.iommu.features, { interruptRemapping: true });
    }
  });

  // covers: IR14 IR16
  it('does not grow: EINVAL beyond what was enabled, with the vectors of that block disarmed, and ERANGE for none', () => {
    const bench = new Bench();
    const device = fixed(bench);
    const [a, b] = [bench.eventfd(), bench.eventfd()];
    expect(device.setIrqs(EVENTFD_TRIGGER, MSI, 0, 0)).toBe(E.ERANGE);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSI, 0, 2, [a.fd, b.fd])).toBe(0);
    expect(device.setIrqs(EVENTFD_TRIGGER, MSI, 1, 2, [b.fd, b.fd])).toBe(E.EINVAL);
    for (const vector of [0, 1]) ring(device, vector);
    expect([a.counter.drain(), b.counter.drain()]).toEqual([1n, 0n]);
  });

  it('masks vectors that nobody listens to', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    device.setIrqs(EVENTFD_TRIGGER, MSI, 0, 2, [bench.eventfd().fd, -1]);
    expect(device.raw(0x60, 4)).toBe(2);
    device.setIrqs(NONE_TRIGGER, MSI, 0, 0);
    expect(device.raw(0x60, 4)).toBe(0);
    expect(device.raw(0x54, 4)).toBe(0);
  });

  // covers: IR15 RS11
  it('is on after a reset whatever the user wrote to its enable bit: the kernel goes by what it enabled itself', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setIrqs(EVENTFD_TRIGGER, MSI, 0, 1, [bench.eventfd().fd]);
    const at = device.core.pdev.capability(CAP.MSI);
    const message = [device.raw(at + 4, 4), device.raw(at + 2, 1) & 1];
    device.setConfig(at + 2, 2, 0);
    expect(device.raw(at + 2, 1) & 1).toBe(0);
    expect(device.ioctl(VFIO.DEVICE_RESET, [])).toBe(0);
    expect([device.raw(at + 4, 4), device.raw(at + 2, 1) & 1]).toEqual(message);
    expect(message[1]).toBe(1);
  });
});

describe('INTx, MSI and MSI-X', () => {
  const both = [INTX, MSI, MSIX].flatMap((first) => [INTX, MSI, MSIX].map((second) => [first, second] as const));
  // covers: IR02
  it.each(both.filter(([first, second]) => first !== second))(
    '%i excludes %i until it is disabled',
    (first, second) => {
      const bench = new Bench();
      const device = bench.open('0000:01:00.0');
      const { fd, counter } = bench.eventfd();
      expect(device.setIrqs(EVENTFD_TRIGGER, first, 0, 1, [fd])).toBe(0);
      expect(device.setIrqs(EVENTFD_TRIGGER, second, 0, 1, [-1])).toBe(E.EINVAL);
      expect(device.setIrqs(NONE_TRIGGER, second, 0, 1)).toBe(E.EINVAL);
      expect(device.setIrqs(NONE_TRIGGER, second, 0, 0)).toBe(E.EINVAL);
      expect(device.setIrqs(NONE_TRIGGER, first, 0, 1)).toBe(0);
      expect(counter.drain()).toBe(1n);
      expect(device.setIrqs(NONE_TRIGGER, first, 0, 0)).toBe(0);
      expect(device.setIrqs(EVENTFD_TRIGGER, second, 0, 1, [-1])).toBe(0);
    },
  );
});

describe('the error and request indices', () => {
  // covers: IR20 IR21 IR22
  it('take, signal and drop one eventfd', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    const a = bench.eventfd();
    for (const index of [ERR, REQ]) {
      expect(device.setIrqs(NONE_TRIGGER, index, 0, 1)).toBe(E.EINVAL);
      expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [-1])).toBe(0);
      expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [-2])).toBe(E.EINVAL);
      expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [999])).toBe(E.EBADF);
      expect(device.setIrqs(EVENTFD_TRIGGER, index, 0, 1, [a.fd])).toBe(0);
      expect(device.setIrqs(NONE_TRIGGER, index, 0, 1)).toBe(0);
      expect(device.setIrqs(BOOL_TRIGGER, index, 0, 1, [1])).toBe(0);
      expect(device.setIrqs(BOOL_TRIGGER, index, 0, 1, [0])).toBe(0);
      expect(device.setIrqs(BOOL_TRIGGER, index, 0, 0)).toBe(E.EINVAL);
      expect(a.counter.drain()).toBe(2n);
      expect(device.setIrqs(NONE_TRIGGER, index, 0, 0)).toBe(0);
      expect(device.setIrqs(NONE_TRIGGER, index, 0, 0)).toBe(E.EINVAL);
    }
  });

  // covers: IR21 LC21
  it('do not exclude other interrupts', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    const a = bench.eventfd();
    expect(device.setIrqs(EVENTFD_TRIGGER, REQ, 0, 1, [a.fd])).toBe(0);
    expect(device.setIrqs(EVENTFD_TRIGGER, INTX, 0, 1, [a.fd])).toBe(0);
    device.core.vdev!.ops.request!(device.core, 0);
    expect(a.counter.drain()).toBe(1n);
  });
});
