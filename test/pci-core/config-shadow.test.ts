import { describe, expect, it } from 'vitest';
import { Bench, CONFIG } from './bench.ts';

describe('the shadow of configuration space at open', () => {
  // covers: CF03 CF11 CF15 SR10 SR11
  it('shows a VF the ids that the PCI core knows, a memory bit, and BARs of its own', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    expect(device.raw(0, 4)).toBe(0xffff_ffff);
    expect(device.config(0, 4)).toBe(0x10ca_8086);
    expect(device.config(4, 2)).toBe(0x0002);
    expect(device.config(0x3d, 1)).toBe(0);
    expect(device.read(CONFIG + 0x10, 24)).toBe(`0c000000${'00000000'.repeat(2)}0c000000${'00000000'.repeat(2)}`);
    expect(device.config(0x08, 4)).toBe(0x0200_0001);
    expect(device.config(0x2c, 4)).toBe(0x1100_1af4);
  });

  // covers: LC09 LC10
  it('gives a PF decode as enabled, no mastering, and INTx allowed', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.config(4, 2)).toBe(0x0003);
  });

  // covers: CF13 CF36
  it('skips hidden standard capabilities in the list, but leaves their bytes raw', () => {
    const device = new Bench().open('0000:01:00.0');
    // PM at 0x40 points over the hidden SSVID at 0x48.
    expect(device.config(0x41, 1)).toBe(0x50);
    expect(device.raw(0x41, 1)).toBe(0x48);
    expect(device.config(0x48, 1)).toBe(0x0d);
  });

  // covers: CF17 CF19
  it('takes PME away', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.raw(0x42, 2)).toBe(0xfe23);
    expect(device.config(0x42, 2)).toBe(0x0623);
    expect(device.config(0x44, 2)).toBe(0x0008);
  });

  // covers: CF37 CF42
  it('relinks the extended list over hidden capabilities', () => {
    const device = new Bench().open('0000:01:00.0');
    // AER at 0x100 points over PASID at 0x150 to ARI at 0x160.
    expect(device.config(0x100, 4) >>> 20).toBe(0x160);
    expect(device.raw(0x100, 4) >>> 20).toBe(0x150);
    expect(device.config(0x160, 2)).toBe(0x000e);
    // PASID control is raw all the same.
    device.setConfig(0x156, 2, 1);
    expect(device.raw(0x156, 2)).toBe(1);
  });

  // covers: CF43
  it('leaves a header without id where the first extended capability is hidden, and drops writes to it', () => {
    const device = new Bench().open('0000:00:04.0');
    expect(device.raw(0x100, 4)).toBe(0x1201_001b);
    expect(device.config(0x100, 4)).toBe(0x1200_0000);
    expect(device.setConfig(0x100, 4, 0xffff_ffff)).toBe(4);
    expect(device.config(0x104, 4)).toBe(0x0000_1f00);
    expect(device.config(0x120, 2)).toBe(0x0003);
  });

  // covers: LC11
  it('is made anew by every open: nothing that was written stays', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    const first = bench.openBound(core);
    first.setConfig(0x10, 4, 0x1234_0000);
    first.setConfig(0x3c, 1, 0x55);
    first.setConfig(4, 2, 0x0006);
    first.close();
    const second = bench.openBound(core);
    expect(second.config(0x10, 4)).toBe(second.raw(0x10, 4));
    expect(second.config(0x3c, 1)).toBe(0);
    expect(second.config(4, 2)).toBe(0x0003);
  });
});
