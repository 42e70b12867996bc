import { describe, expect, it } from 'vitest';
import type { MachineDescription } from '../../sim/pci/description.ts';
import { Bench, E, region } from './bench.ts';
import { stubborn } from './machines.ts';

/** A function whose one capability the library hides. */
const ONE_HIDDEN: MachineDescription = {
  name: 'one hidden capability',
  iommu: { aperture: [0, 2 ** 48 - 1], pageSizes: [0x1000] },
  root: [{ devfn: '02.0', function: { ...stubborn, capabilities: [{ kind: 'ssvid', at: 0x40 }] } }],
};

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

describe('the rest of the header', () => {
  // covers: CF07
  it('STATUS takes no write, and says that there are capabilities only if the user sees one', () => {
    const device = new Bench().open('0000:01:00.0');
    const { config } = device.core.pdev.function;
    config.set(6, 2, 0xf910);
    expect(device.setConfig(6, 2, 0xffff)).toBe(2);
    expect([device.raw(6, 2), device.config(6, 2)]).toEqual([0xf910, 0xf910]);
    config.set(6, 2, 0);
    expect(device.config(6, 2)).toBe(0x0010);
    const hidden = new Bench(ONE_HIDDEN).open('0000:00:02.0');
    expect([hidden.raw(6, 2), hidden.config(6, 2), hidden.config(0x34, 1)]).toEqual([0x0010, 0, 0]);
  });

  // covers: CF08
  it('the cache line goes to hardware, as do latency and BIST', () => {
    const device = new Bench().open('0000:01:00.0');
    const { rw } = device.core.pdev.function.template;
    const writable = [0x0c, 0x0d, 0x0f].map((at) => rw[at]!);
    expect(writable).toEqual([0xff, 0, 0]);
    for (const at of [0x0c, 0x0d, 0x0f]) expect(device.setConfig(at, 1, 0xa5)).toBe(1);
    expect([0x0c, 0x0d, 0x0f].map((at) => device.raw(at, 1))).toEqual([0xa5, 0, 0]);
    expect(device.config(0x0c, 4)).toBe(device.raw(0x0c, 4));
  });

  // covers: CF14 CF15
  it('the line is the user’s note, the pin the kernel’s', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.config(0x3c, 2)).toBe(0x0100);
    expect(device.setConfig(0x3c, 4, 0xffff_ffa5)).toBe(4);
    expect(device.config(0x3c, 4)).toBe(0x0000_01a5);
    expect(device.raw(0x3c, 1)).toBe(0);
  });
});
