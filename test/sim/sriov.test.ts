import { describe, expect, test } from 'vitest';
import type { PciFunction } from '../../sim/pci/function.ts';
import { PCI, SRIOV, SRIOV_CTRL } from '../../sim/pci/registers.ts';
import { Bare, CARD, card, ROOT_PORT } from './bare.ts';

const { VFE, MSE } = SRIOV_CTRL;
const reg = (at: number): number => CARD.SRIOV + at;

function enabled(count = 4, control: number = VFE | MSE): { bare: Bare; pf: PciFunction; vfs: PciFunction[] } {
  const bare = new Bare();
  const pf = bare.fn();
  pf.configWrite(reg(SRIOV.NUM_VF), 2, count);
  pf.configWrite(reg(SRIOV.CTRL), 2, control);
  return { bare, pf, vfs: [...pf.virtuals] };
}

// covers: HW12
test('a VF shows all ones as vendor and device, no BARs and no memory enable, and works', () => {
  const { vfs } = enabled();
  const vf = vfs[0]!;
  expect(vf.configRead(PCI.VENDOR_ID, 4)).toBe(0xffff_ffff);
  vf.configWrite(PCI.BASE_ADDRESS_0, 4, 0xffff_ffff);
  expect(vf.configRead(PCI.BASE_ADDRESS_0, 4)).toBe(0);
  vf.configWrite(PCI.COMMAND, 2, 0x0007);
  expect(vf.configRead(PCI.COMMAND, 2)).toBe(4);
  vf.write(0, 0x10, 4, 0x1234);
  expect(vf.read(0, 0x10, 4)).toBe(0x1234);
});

// covers: SR14 HW11 HW13
test('VFs have the routing ids that offset and stride give, as many as NumVFs says', () => {
  const { pf, vfs } = enabled(3);
  expect(vfs.map((vf) => vf.id - pf.id)).toEqual([0x10, 0x12, 0x14]);
  expect(vfs.map((vf) => vf.name)).toEqual(['0000:01:02.0', '0000:01:02.2', '0000:01:02.4']);
});

// covers: HW11
test('NumVFs cannot be changed while VFs are enabled', () => {
  const { pf, vfs } = enabled(2);
  pf.configWrite(reg(SRIOV.NUM_VF), 2, 4);
  expect(pf.configRead(reg(SRIOV.NUM_VF), 2)).toBe(2);
  expect(pf.virtuals).toEqual(vfs);
  pf.configWrite(reg(SRIOV.CTRL), 2, 0);
  pf.configWrite(reg(SRIOV.NUM_VF), 2, 4);
  expect(pf.configRead(reg(SRIOV.NUM_VF), 2)).toBe(4);
});

test('TotalVFs, offset, stride and VF device id take no write', () => {
  const { pf } = enabled();
  for (const at of [SRIOV.INITIAL_VF, SRIOV.TOTAL_VF, SRIOV.VF_OFFSET, SRIOV.VF_STRIDE, SRIOV.VF_DID])
    pf.configWrite(reg(at), 2, 0x7777);
  const seen = [SRIOV.TOTAL_VF, SRIOV.VF_OFFSET, SRIOV.VF_STRIDE, SRIOV.VF_DID].map((at) => pf.configRead(reg(at), 2));
  expect(seen).toEqual([4, 0x10, 2, 0xf1]);
});

// covers: SR12 HW11
test('each VF’s BAR is its own slice of the range behind the PF’s register', () => {
  const { bare, pf, vfs } = enabled();
  const low = (pf.configRead(reg(SRIOV.BAR), 4) & ~0xf) >>> 0;
  const base = low + pf.configRead(reg(SRIOV.BAR) + 4, 4) * 2 ** 32;
  vfs.forEach((vf, i) => {
    expect(vf.windows[0]).toBe(base + i * 0x4000);
    vf.write(0, 0, 4, 0x100 + i);
  });
  expect(vfs.map((vf) => vf.read(0, 0, 4))).toEqual([0x100, 0x101, 0x102, 0x103]);
  const { topology } = bare.hardware;
  expect([0, 0x3fff, 0x4000, 0xffff].map((at) => topology.decode(base + at)?.target)).toEqual([
    vfs[0],
    vfs[0],
    vfs[1],
    vfs[3],
  ]);
  expect(topology.decode(base + 0x1_0000)?.target).toBeUndefined();
});

describe('MSE and VFE', () => {
  // covers: HW11 HW03
  test('without MSE no VF answers memory requests, whatever its own command register says', () => {
    const { pf, vfs } = enabled(2, VFE);
    vfs[1]!.configWrite(PCI.COMMAND, 2, 7);
    expect(vfs.map((vf) => vf.read(0, 0, 4))).toEqual([0xffff_ffff, 0xffff_ffff]);
    pf.configWrite(reg(SRIOV.CTRL), 2, VFE | MSE);
    expect(vfs.map((vf) => vf.read(0, 0, 4))).toEqual([0, 0]);
  });

  // covers: HW11
  test('without VFE there are no VFs: no function, no window, no answer', () => {
    const { bare, pf, vfs } = enabled(2);
    const window = vfs[0]!.windows[0]!;
    pf.configWrite(reg(SRIOV.CTRL), 2, MSE);
    expect(vfs.map((vf) => vf.present)).toEqual([false, false]);
    expect(bare.hardware.functions.map((fn) => fn.name)).toEqual(['0000:01:00.0']);
    expect(bare.hardware.topology.decode(window)).toBeUndefined();
    expect(vfs[0]!.read(0, 0, 4)).toBe(0xffff_ffff);
  });

  test('VFs that come back are the same silicon, as new', () => {
    const { pf, vfs } = enabled(2);
    vfs[0]!.write(0, 0, 4, 7);
    pf.configWrite(reg(SRIOV.CTRL), 2, 0);
    pf.configWrite(reg(SRIOV.CTRL), 2, VFE | MSE);
    expect([...pf.virtuals]).toEqual(vfs);
    expect(vfs[0]!.read(0, 0, 4)).toBe(0);
  });
});

describe('resets', () => {
  // covers: RS12
  test('FLR of the PF makes the VFs vanish', () => {
    const { bare, pf, vfs } = enabled(2);
    pf.configWrite(CARD.EXP + 8, 2, 0x8000);
    expect(pf.configRead(reg(SRIOV.CTRL), 2)).toBe(0);
    expect(vfs.map((vf) => vf.present)).toEqual([false, false]);
    expect(bare.probe(vfs[0]!).resets).toEqual(['bus']);
    expect(bare.hardware.functions).toEqual([pf]);
  });

  // covers: RS11
  test('FLR of a VF touches that VF only', () => {
    const { bare, pf, vfs } = enabled(2);
    for (const vf of vfs) vf.write(0, 0, 4, 7);
    vfs[0]!.configWrite(CARD.EXP + 8, 2, 0x8000);
    expect(vfs.map((vf) => vf.read(0, 0, 4))).toEqual([0, 7]);
    expect(pf.configRead(reg(SRIOV.CTRL), 2)).toBe(VFE | MSE);
    expect([pf, ...vfs].map((fn) => bare.probe(fn).resets)).toEqual([[], ['flr'], []]);
  });
});

// covers: HW13
test('a VF’s requests carry its own requester id', () => {
  const { bare, pf, vfs } = enabled(2);
  const mine = bare.memory(vfs[0]!, 0x1000);
  const theirs = bare.memory(pf, 0x1000);
  bare.master(vfs[1]!);
  expect(bare.probe(vfs[0]!).ports.dma.write(0x1000, Uint8Array.of(5))).toBe(true);
  expect(bare.probe(vfs[1]!).ports.dma.write(0x1000, Uint8Array.of(6))).toBe(false);
  expect([bare.bytes(mine.start, 1), bare.bytes(theirs.start, 1)]).toEqual([[5], [0]]);
});

test('two cards have VF ranges that do not touch', () => {
  const bare = new Bare(
    [1, 2].map((n) => ({ ...ROOT_PORT, devfn: `0${n}.0`, below: [{ devfn: '00.0', function: card }] })),
  );
  const all = ['01:00.0', '02:00.0'].flatMap((name) => {
    const pf = bare.fn(name);
    pf.configWrite(reg(SRIOV.NUM_VF), 2, 4);
    pf.configWrite(reg(SRIOV.CTRL), 2, VFE | MSE);
    return [...pf.virtuals];
  });
  expect(new Set(all.map((vf) => vf.windows[0])).size).toBe(8);
  all.forEach((vf, i) => {
    vf.write(0, 0, 4, i);
  });
  expect(all.map((vf) => vf.read(0, 0, 4))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
