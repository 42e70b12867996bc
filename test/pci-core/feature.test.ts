import { describe, expect, it } from 'vitest';
import { FEATURE, VFIO } from '../../src/uapi/vfio.ts';
import { Bench, CONFIG, DOORBELL, E, type Opened, region } from './bench.ts';

const [GET, SET, PROBE] = [0x10000, 0x20000, 0x40000];

function feature(device: Opened, flags: number, words: readonly number[] = [], argsz = 8 + 4 * words.length): number {
  return device.ioctl(VFIO.DEVICE_FEATURE, [argsz, flags, ...words]);
}

describe('low power', () => {
  // covers: PW01 PW03
  it('lets calls wake the device for a moment, and takes mappings away', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 0x1000);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY)).toBe(0);
    expect(device.core.power.isSuspended).toBe(true);
    expect(device.raw(0x44, 2) & 3).toBe(3);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY)).toBe(E.EINVAL);
    expect(device.read(region(0), 4)).toBe('00000000');
    expect(device.config(0, 2)).toBe(0x8086);
    expect(device.core.power.isSuspended).toBe(true);
    expect(device.touch(mapping)).toBe(false);
    expect(feature(device, SET | FEATURE.LOW_POWER_EXIT)).toBe(0);
    expect(feature(device, SET | FEATURE.LOW_POWER_EXIT)).toBe(0);
    expect(device.touch(mapping)).toBe(true);
    expect(device.raw(0x44, 2) & 3).toBe(0);
  });

  // covers: PW02
  it('with a wake-up eventfd ends at the first access', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    const { fd, counter } = bench.eventfd();
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, [fd, 1])).toBe(0);
    expect(counter.count).toBe(0n);
    expect(device.read(CONFIG, 4)).toBe('8680ca10');
    expect(counter.count).toBe(1n);
    expect(device.core.power.engaged).toBe(false);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, [-1, 0])).toBe(E.EINVAL);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, [999, 0])).toBe(E.EBADF);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, [device.fd, 0])).toBe(E.EINVAL);
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, [fd])).toBe(E.EINVAL);
    const end = bench.user.memory.allocate(0x1000) + 0x1000;
    const header = Uint32Array.of(16, SET | FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP);
    bench.user.memory.write(end - 8, new Uint8Array(header.buffer));
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_FEATURE, end - 8)).toBe(E.EFAULT);
  });

  // covers: PW04
  it('starts from D0, whatever the user wrote, and ends there', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    const address = device.raw(0x10, 4);
    device.setConfig(0x44, 2, 3);
    // Each way out of D3hot resets this function, and the kernel restores it: before it sleeps, and after.
    const awakenings: string[] = [];
    bench.hardware.fabric.events.on('reset', ({ kind }) => awakenings.push(kind));
    expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY)).toBe(0);
    expect([device.core.power.isSuspended, device.raw(0x44, 2) & 3]).toEqual([true, 3]);
    expect(feature(device, SET | FEATURE.LOW_POWER_EXIT)).toBe(0);
    expect([device.raw(0x44, 2) & 3, device.raw(0x10, 4)]).toEqual([0, address]);
    expect(awakenings).toEqual(['pm', 'pm']);
    expect(device.read(region(0), 4)).toBe('00000000');
  });

  // covers: PW04
  it('masks INTx while the device sleeps, unless it is masked already', () => {
    const bench = new Bench();
    const device = bench.open('0000:00:02.0');
    const { fd, counter } = bench.eventfd();
    device.setIrqs(0x24, 0, 0, 1, [fd]);
    const masked = () => device.core.irqs.intx.isMasked;
    for (const before of [false, true]) {
      if (before) expect(device.setIrqs(0x09, 0, 0, 1)).toBe(0);
      expect(feature(device, SET | FEATURE.LOW_POWER_ENTRY)).toBe(0);
      expect(masked()).toBe(true);
      expect(feature(device, SET | FEATURE.LOW_POWER_EXIT)).toBe(0);
      expect(masked()).toBe(before);
    }
    device.write(region(0, DOORBELL.LEVEL), '01000000');
    expect(counter.drain()).toBe(0n);
    expect(device.setIrqs(0x11, 0, 0, 1)).toBe(0);
    expect(counter.drain()).toBe(1n);
  });

  it('ends at close', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    const device = bench.openBound(core);
    feature(device, SET | FEATURE.LOW_POWER_ENTRY);
    device.close();
    expect(core.power.engaged).toBe(false);
    expect(bench.openBound(core).read(region(0), 4)).toBe('00000000');
  });

  it('is probed without effect', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(feature(device, SET | PROBE | FEATURE.LOW_POWER_ENTRY)).toBe(0);
    expect(feature(device, GET | PROBE | FEATURE.LOW_POWER_ENTRY)).toBe(E.EINVAL);
    expect(device.core.power.engaged).toBe(false);
  });
});

describe('a VF token as a feature', () => {
  // covers: SR06
  it('belongs to SR-IOV PFs, and can only be set', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const words = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c];
    expect(feature(device, SET | FEATURE.PCI_VF_TOKEN, words)).toBe(0);
    expect([...device.core.vfToken!.uuid]).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(feature(device, GET | FEATURE.PCI_VF_TOKEN, words)).toBe(E.EINVAL);
    expect(feature(device, SET | FEATURE.PCI_VF_TOKEN, words, 23)).toBe(E.EINVAL);
    const end = bench.user.memory.allocate(0x1000) + 0x1000;
    bench.user.memory.write(end - 16, new Uint8Array(Uint32Array.of(24, SET | FEATURE.PCI_VF_TOKEN, 0, 0).buffer));
    expect(bench.user.ioctl(device.fd, VFIO.DEVICE_FEATURE, end - 16)).toBe(E.EFAULT);
    expect(feature(bench.open('0000:00:02.0'), SET | FEATURE.PCI_VF_TOKEN, words)).toBe(E.ENOTTY);
  });
});

describe('dma-buf export', () => {
  const dmaBuf = (device: Opened, words: readonly number[], flags = GET): number =>
    feature(device, flags | FEATURE.DMA_BUF, words);
  const range = (offset: number, length: number): number[] => [offset, 0, length, 0];

  // covers: DB01
  it('gives a descriptor for page-aligned ranges of a mapped BAR', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(dmaBuf(device, [0, 0, 0, 1, ...range(0, 0x1000)])).toBeGreaterThan(2);
    expect(dmaBuf(device, [0, 0, 0, 2, ...range(0x2000, 0x1000), ...range(0, 0x1000)])).toBeGreaterThan(2);
  });

  // covers: DB01
  it('is refused in the order of the kernel', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(dmaBuf(device, [0, 0, 0, 0, ...range(0, 0x1000)])).toBe(E.EINVAL);
    expect(dmaBuf(device, [0, 0, 1, 1, ...range(0, 0x1000)])).toBe(E.EINVAL);
    for (const bar of [3, 6, 7]) expect(dmaBuf(device, [bar, 0, 0, 1, ...range(0, 0x1000)])).toBe(E.ENODEV);
    expect(dmaBuf(device, [0, 0, 0, 0xffff_ffff])).toBe(E.ENOMEM);
    for (const bad of [range(0, 0), range(1, 0x1000), range(0, 0xfff), range(0, 0x8000)])
      expect(dmaBuf(device, [0, 0, 0, 1, ...bad])).toBe(E.EINVAL);
    expect(dmaBuf(device, [1, 0, 0, 1, ...range(0, 0x1000)])).toBe(E.EINVAL);
    expect(dmaBuf(device, [0, 0, 0, 1, 0xffff_f000, 0xffff_ffff, 0x2000, 0])).toBe(E.EOVERFLOW);
    expect(dmaBuf(device, [0, 0, 0, 1, ...range(0, 0x1000)], SET)).toBe(E.EINVAL);
    device.core.dmaBufs = undefined;
    expect(dmaBuf(device, [], GET | PROBE)).toBe(E.EOPNOTSUPP);
  });

  // covers: DB01
  it('faults on what it cannot read, and takes no total that no file could have', () => {
    const device = new Bench().open('0000:01:00.0');
    const { user } = device.bench;
    const end = user.memory.allocate(0x1000) + 0x1000;
    const ask = (bytes: number, words: readonly number[]) => {
      user.memory.write(end - bytes, new Uint8Array(new Uint32Array([64, GET | FEATURE.DMA_BUF, ...words]).buffer));
      return user.ioctl(device.fd, VFIO.DEVICE_FEATURE, end - bytes);
    };
    expect(ask(16, [0, 0]), 'the struct').toBe(E.EFAULT);
    expect(ask(24, [3, 0, 0, 1]), 'the BAR before the ranges').toBe(E.ENODEV);
    expect(ask(24, [0, 0, 0, 1]), 'the ranges').toBe(E.EFAULT);
    const half = [0, 0, 0, 0x4000_0000];
    expect(dmaBuf(device, [0, 0, 0, 2, ...half, ...half])).toBe(E.EINVAL);
  });

  // covers: DB02
  it.each([
    ['D3hot', (device: Opened) => device.setConfig(0x44, 2, 3), (device: Opened) => device.setConfig(0x44, 2, 0)],
    [
      'low power',
      (device: Opened) => feature(device, SET | FEATURE.LOW_POWER_ENTRY),
      (device: Opened) => feature(device, SET | FEATURE.LOW_POWER_EXIT),
    ],
  ])('is revoked in %s, and back afterwards', (_state, enter, leave) => {
    const device = new Bench().open('0000:01:00.0');
    const fd = dmaBuf(device, [0, 0, 0, 1, ...range(0, 0x1000)]);
    const buffer = device.bench.user.file(fd)!.file as unknown as { revoked: boolean };
    enter(device);
    expect(buffer.revoked).toBe(true);
    leave(device);
    expect(buffer.revoked).toBe(false);
  });

  // covers: DB02 CF05
  it('is revoked with memory, and back with it', () => {
    const device = new Bench().open('0000:01:00.0');
    const fd = dmaBuf(device, [0, 0, 0, 1, ...range(0, 0x1000)]);
    const buffer = device.bench.user.file(fd)!.file as unknown as { revoked: boolean };
    expect(buffer.revoked).toBe(false);
    device.setConfig(4, 2, 0);
    expect(buffer.revoked).toBe(true);
    device.setConfig(4, 2, 2);
    expect(buffer.revoked).toBe(false);
    device.close();
    expect(buffer.revoked).toBe(true);
  });
});

describe('features nobody knows', () => {
  // covers: MG18 DB04
  it('are ENOTTY', () => {
    const device = new Bench().open('0000:01:00.0');
    for (const index of [FEATURE.MIGRATION, FEATURE.BUS_MASTER, FEATURE.ZPCI_ERROR, 0xffff])
      expect(feature(device, GET | index, [0, 0])).toBe(E.ENOTTY);
  });
});
