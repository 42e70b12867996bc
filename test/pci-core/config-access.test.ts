import { describe, expect, it } from 'vitest';
import { CAPABILITIES, forgetLayouts } from '../../src/pci-core/index.ts';
import { Bench, CONFIG, E, region } from './bench.ts';

describe('the access engine of configuration space', () => {
  // covers: CF02
  it('refuses a transfer that leaves the space as a whole', () => {
    const device = new Bench().open('0000:00:02.0');
    expect(device.read(CONFIG + 0xfc, 8)).toBe(E.EFAULT);
    expect(device.read(CONFIG + 0xfe, 2)).toBe('0000');
    expect(device.write(CONFIG + 0x100, '00000000')).toBe(E.EFAULT);
    const before = device.raw(0xfc, 4);
    expect(device.write(CONFIG + 0xfc, 'ff'.repeat(8))).toBe(E.EFAULT);
    expect(device.raw(0xfc, 4)).toBe(before);
  });

  // covers: CF01
  it('faults on a buffer that is not there', () => {
    const { bench, fd } = new Bench().open('0000:00:02.0');
    expect(bench.user.pread(fd, 0x10, 4, CONFIG)).toBe(E.EFAULT);
    expect(bench.user.pwrite(fd, 0x10, 4, CONFIG + 4)).toBe(E.EFAULT);
  });

  // covers: FD07
  it('answers an empty transfer anywhere: behind the end, in a region that is not there, in one that takes no write', () => {
    const { bench, fd } = new Bench().open('0000:00:02.0');
    for (const at of [CONFIG + 0x1000, region(0, 0x10_0000), region(6), region(8), region(9), region(200)])
      expect([bench.user.pread(fd, 0x10, 0, at), bench.user.pwrite(fd, 0x10, 0, at)]).toEqual([0, 0]);
  });

  // covers: CF01
  it('cuts a transfer where a capability begins', () => {
    const device = new Bench().open('0000:01:00.0');
    // MIN_GNT and MAX_LAT, then the id and list pointer of PM.
    expect(device.read(CONFIG + 0x3e, 4)).toBe('00000150');
  });

  // covers: CF44
  it('passes bytes of no capability through, writable', () => {
    const device = new Bench().open('0000:01:00.0');
    // Two bytes that round the ten or fourteen of MSI up to a dword, and a gap.
    expect(device.setConfig(0x5e, 2, 0xbeef)).toBe(2);
    expect(device.raw(0x5e, 2)).toBe(0xbeef);
    expect(device.setConfig(0xf0, 4, 0x1234_5678)).toBe(4);
    expect(device.config(0xf0, 4)).toBe(0x1234_5678);
  });

  // covers: CF01
  it('counts a write without a handler as done, without looking at the buffer', () => {
    const { bench, fd } = new Bench().open('0000:01:00.0');
    expect(bench.user.pwrite(fd, 0x10, 4, CONFIG + 0xa0)).toBe(4);
    expect(bench.user.pwrite(fd, 0x10, 4, CONFIG + 0x04)).toBe(E.EFAULT);
  });

  // covers: CF46
  it('clears write-one-to-clear bits that merely neighbour a written register', () => {
    const device = new Bench().open('0000:01:00.0');
    const { config } = device.core.pdev.function;
    config.set(0x06, 2, config.read(0x06, 2) | 0x8000);
    device.setConfig(0x04, 2, 0x0006);
    expect(device.raw(0x06, 2) & 0x8000).toBe(0x8000);
    device.setConfig(0x04, 4, 0x0000_0006);
    expect(device.raw(0x06, 2) & 0x8000).toBe(0);
  });

  // covers: CF01
  it('keeps the effects of chunks before a fault', () => {
    const { bench, fd, core } = new Bench().open('0000:01:00.0');
    const end = bench.user.memory.allocate(0x1000) + 0x1000;
    bench.user.memory.write(end - 1, Uint8Array.of(0x55));
    expect(bench.user.pwrite(fd, end - 4, 8, CONFIG + 0xf0)).toBe(E.EFAULT);
    expect(core.pdev.readConfig(0xf0, 4)).toBe(0x5500_0000);
  });

  // covers: CF03 CF13 CF16
  it('drops writes to ids, class, subsystem and list pointer', () => {
    const device = new Bench().open('0000:01:00.0');
    for (const at of [0x00, 0x08, 0x2c, 0x34]) {
      const before = device.config(at, 4);
      expect(device.setConfig(at, 4, 0xffff_ffff)).toBe(4);
      expect(device.config(at, 4)).toBe(before);
    }
  });

  it('follows the tables: a defect planted there shows once the layouts are forgotten', () => {
    const row = CAPABILITIES[0x11]!;
    CAPABILITIES[0x11] = { ...row, length: 0 };
    forgetLayouts();
    try {
      const device = new Bench().open('0000:01:00.0');
      device.setConfig(0xa2, 2, 0x8000);
      expect(device.raw(0xa2, 2) & 0x8000).toBe(0x8000);
    } finally {
      CAPABILITIES[0x11] = row;
      forgetLayouts();
    }
  });
});
