import { describe, expect, it } from 'vitest';
import type { RomDescription } from '../../sim/pci/description.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, type Opened, region } from './bench.ts';
import { alone, nic, ROM_IMAGE } from './machines.ts';

const ROM = region(6);
const SIZE = 0x1_0000;

function open(rom: RomDescription): Opened {
  return new Bench(alone({ ...nic, rom })).open('0000:01:00.0');
}

/** Flags and size. */
function info(device: Opened): number[] {
  expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [32, 0, 6, 0, 0, 0, 0, 0])).toBe(0);
  const words = device.words(8);
  return [words[1]!, words[4]!];
}

/** One image, with a byte or word changed. */
function changed(at: number, value: number): string {
  const bytes = Buffer.from(ROM_IMAGE, 'hex');
  bytes.writeUInt16LE(value, at);
  return bytes.toString('hex');
}

describe('the ROM region', () => {
  it('reads the image, and all ones behind it up to the size of the BAR', () => {
    const device = open({ size: SIZE, image: ROM_IMAGE });
    expect(info(device)).toEqual([1, SIZE]);
    expect(device.read(ROM, 512)).toBe(ROM_IMAGE);
    expect(device.read(ROM + 0x1e, 5)).toBe(ROM_IMAGE.slice(0x3c, 0x46));
    expect(device.read(ROM + 510, 4)).toBe('0000ffff');
    expect(device.read(ROM + SIZE - 2, 8)).toBe('ffff');
    expect(device.read(ROM + SIZE, 1)).toBe(E.EINVAL);
  });

  it('cannot be written or mapped', () => {
    const device = open({ size: SIZE, image: ROM_IMAGE });
    expect(device.write(ROM, '00')).toBe(E.EINVAL);
    expect(device.mmap(ROM, 4096)).toBe(E.EINVAL);
  });

  it('leaves decoding of the ROM off in hardware, whatever the user writes to its BAR', () => {
    const device = open({ size: SIZE, image: ROM_IMAGE });
    device.setConfig(0x30, 4, 0xffff_ffff);
    expect(device.read(ROM, 2)).toBe('55aa');
    expect([device.config(0x30, 4), device.raw(0x30, 4) & 1]).toEqual([0xffff_0001, 0]);
  });

  it('cannot be read while memory is off or the device sleeps, though its size is known', () => {
    const device = open({ size: SIZE, image: ROM_IMAGE });
    device.setConfig(4, 2, 0);
    expect(device.read(ROM, 2)).toBe(E.ENOMEM);
    expect(info(device)).toEqual([1, SIZE]);
    device.setConfig(4, 2, 2);
    device.setConfig(0x44, 2, 3);
    expect(device.read(ROM, 2)).toBe(E.ENOMEM);
  });

  // covers: IO07
  it('is as long as its images, and two are walked', () => {
    const first = Buffer.from(ROM_IMAGE, 'hex');
    first.writeUInt8(0, 0x20 + 0x15);
    const device = open({ size: SIZE, image: first.toString('hex') + ROM_IMAGE });
    expect(device.read(ROM + 512, 2)).toBe('55aa');
    expect(device.read(ROM + 1023, 2)).toBe('00ff');
  });

  it.each([
    ['no signature', changed(0, 0xaa00)],
    ['a data structure that is elsewhere', changed(0x18, 0x24)],
    ['a data structure that is not aligned', changed(0x18, 0x1f)],
    ['a data structure too short', changed(0x20 + 0x0a, 0x17)],
    ['a data structure of no length', changed(0x20 + 0x0a, 0xffff)],
    ['nothing at all', ''],
  ])('is no region with %s, though its BAR can be sized', (_what, image) => {
    const device = open({ size: SIZE, image });
    expect(info(device)).toEqual([0, 0]);
    expect(device.read(ROM, 2)).toBe(E.ENOMEM);
    device.setConfig(0x30, 4, 0xffff_ffff);
    expect(device.config(0x30, 4)).toBe(0xffff_0001);
  });

  it('of the display that was booted on is a copy in memory, for which nothing is enabled', () => {
    const device = open({ size: SIZE, image: ROM_IMAGE, shadow: true });
    expect(info(device)).toEqual([1, 0x2_0000]);
    expect(device.read(ROM, 2)).toBe('55aa');
    device.setConfig(0x30, 4, 0xffff_ffff);
    expect(device.config(0x30, 4)).toBe(0xfffe_0001);
    device.setConfig(4, 2, 0);
    expect(info(device)).toEqual([1, 0x2_0000]);
    expect(device.read(ROM, 2)).toBe(E.EIO);
  });

  it('of a function without a ROM BAR is the image that the platform has', () => {
    const { rom: _none, ...bare } = nic;
    const bench = new Bench(alone(bare));
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    core.platformRom = new Uint8Array(Buffer.from(ROM_IMAGE, 'hex')).slice(0, 500);
    const device = bench.openBound(core);
    expect(info(device)).toEqual([1, 512]);
    expect(device.read(ROM + 498, 100)).toBe(`0000${'ff'.repeat(12)}`);
  });
});
