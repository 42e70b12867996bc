import { describe, expect, it } from 'vitest';
import { Bench, E, region } from './bench.ts';

describe('the COMMAND register', () => {
  // covers: CF04
  it('sends mastering and decode to hardware, and keeps INTX_DISABLE to itself', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(4, 2, 0x0406);
    expect(device.config(4, 2)).toBe(0x0406);
    expect(device.raw(4, 2) & 0x7).toBe(0x6);
    // Hardware's bit follows through the mask code: nobody uses INTx here, so it is copied.
    expect(device.raw(4, 2) & 0x400).toBe(0x400);
    device.setConfig(5, 1, 0);
    expect(device.raw(4, 2) & 0x400).toBe(0);
  });

  it('leaves hardware INTX_DISABLE alone when the device cannot be masked that way', () => {
    const device = new Bench().open('0000:00:02.0', { nointxmask: true });
    device.setConfig(4, 2, 0x0402);
    expect(device.config(4, 2)).toBe(0x0402);
    expect(device.raw(4, 2)).toBe(0x0002);
  });

  // covers: RW03
  it('decides whether device memory can be reached, whatever hardware says', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.read(region(0), 4)).toBe('00000000');
    device.setConfig(4, 2, 0);
    expect(device.read(region(0), 4)).toBe(E.EIO);
    expect(device.write(region(0), '00000000')).toBe(E.EIO);
    const { config } = device.core.pdev.function;
    config.set(4, 2, config.read(4, 2) | 2);
    expect(device.read(region(0), 4)).toBe(E.EIO);
    device.setConfig(4, 1, 2);
    expect(device.read(region(0), 4)).toBe('00000000');
  });

  // covers: CF06
  it('puts BARs back that a reset has taken from hardware', () => {
    const device = new Bench().open('0000:01:00.0');
    const address = device.raw(0x10, 4);
    device.core.pdev.function.config.set(0x10, 4, 0);
    device.setConfig(4, 2, 0x0002);
    expect(device.raw(0x10, 4)).toBe(address);
  });

  // covers: CF04 SR11
  it('has a memory bit on a VF that means nothing', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    device.setConfig(4, 2, 0);
    expect(device.config(4, 2)).toBe(0);
    expect(device.read(region(0), 4)).toBe('00000000');
    device.setConfig(4, 2, 0x0006);
    expect(device.raw(4, 2)).toBe(0x0004);
    expect(device.config(4, 2)).toBe(0x0006);
  });
});
