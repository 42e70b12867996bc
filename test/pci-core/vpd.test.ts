import { describe, expect, it } from 'vitest';
import { Bench, type Opened } from './bench.ts';
import { alone, nic } from './machines.ts';

/** Where the nic has its VPD capability: address with flag, data. */
const ADDR = 0xb2;
const DATA = 0xb4;
const F = 0x8000;
/** A name of 5 bytes in a large resource, and the end tag: 9 bytes. */
const VPD = '820500' + '6361726431' + '78';

const open = (vpd?: string): Opened =>
  new Bench(alone(vpd === undefined ? nic : { ...nic, vpd: `${vpd}eeeeeeee` })).open('0000:01:00.0');

/** What a read of the VPD gives: the data, or undefined if the flag never comes. */
function read(device: Opened, at: number): number | undefined {
  device.setConfig(DATA, 4, 0x5555_5555);
  device.setConfig(ADDR, 2, at);
  return device.config(ADDR, 2) & F ? device.config(DATA, 4) : undefined;
}

describe('vital product data', () => {
  // covers: CF21
  it('comes with the flag, which is there when the write of the address returns', () => {
    const device = open(VPD);
    expect([read(device, 0), read(device, 4)]).toEqual([0x6300_0582, 0x3164_7261]);
  });

  it('ends at its end tag: what is read beyond is 0', () => {
    const device = open(VPD);
    expect([read(device, 8), read(device, 12), read(device, 6)]).toEqual([0x78, 0, 0x78_3164]);
  });

  // covers: CF21
  it('can be written within its end, and at aligned addresses only', () => {
    const device = open(VPD);
    const write = (at: number, value: number): boolean => {
      device.setConfig(DATA, 4, value);
      device.setConfig(ADDR, 2, at | F);
      return (device.config(ADDR, 2) & F) === 0;
    };
    expect([write(4, 0x3264_7261), write(6, 0), write(8, 0), write(12, 0)]).toEqual([true, false, false, false]);
    expect(read(device, 4)).toBe(0x3264_7261);
  });

  it.each([
    ['its first byte is all ones', 'ff0000'],
    ['its first byte is 0', '000000'],
    ['the device never answers', undefined],
  ])('is absent if %s', (_why, vpd) => {
    expect(read(open(vpd), 0)).toBeUndefined();
  });
});
