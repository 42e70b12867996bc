import { describe, expect, it } from 'vitest';
import { Bench, type Opened } from './bench.ts';

function size(device: Opened, at: number): number {
  device.setConfig(at, 4, 0xffff_ffff);
  return device.config(at, 4);
}

describe('base address registers through configuration space', () => {
  // covers: CF09 CF10
  it('can be sized while hardware keeps its addresses', () => {
    const device = new Bench().open('0000:01:00.0');
    const before = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((at) => device.raw(at, 4));
    expect(size(device, 0x10)).toBe(0xffff_c000);
    expect(size(device, 0x14)).toBe(0xffff_ffe1);
    device.setConfig(0x18, 4, 0xffff_ffff);
    device.setConfig(0x1c, 4, 0xffff_ffff);
    expect(device.config(0x18, 4)).toBe(0xff00_000c);
    expect(device.config(0x1c, 4)).toBe(0xffff_ffff);
    expect(size(device, 0x20)).toBe(0xffff_f000);
    expect([0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((at) => device.raw(at, 4))).toEqual(before);
  });

  it('read 0 where there is none', () => {
    const device = new Bench().open('0000:00:02.0');
    expect(size(device, 0x14)).toBe(0);
    expect(size(device, 0x30)).toBe(0);
  });

  // covers: CF12
  it('size a ROM even if its content is not looked at, and keep its enable bit', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(size(device, 0x30)).toBe(0xffff_0001);
    device.setConfig(0x30, 4, 0xffff_f800);
    expect(device.config(0x30, 4)).toBe(0xffff_0000);
  });

  // covers: CF10
  it('keep what was written until it is masked by a read', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(0x10, 4, 0x1234_5678);
    device.setConfig(0x11, 1, 0xab);
    expect(device.config(0x10, 4)).toBe(0x1234_8000);
  });

  it('of an I/O kind with bit 2 set in their address are taken for 64 bits wide', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:00:02.0');
    const tiny = { start: 0x1000, length: 4, io: true, prefetch: false, wide: false };
    const list = [...pdev.resources];
    list[1] = tiny;
    Object.assign(pdev, { resources: list });
    const device = bench.open(pdev);
    device.setConfig(0x14, 4, 0x1004);
    device.setConfig(0x18, 4, 0xffff_ffff);
    expect(device.config(0x14, 4)).toBe(0x1005);
    expect(device.config(0x18, 4)).toBe(0xffff_ffff);
  });
});
