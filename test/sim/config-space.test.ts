import { describe, expect, test } from 'vitest';
import type { PciFunction } from '../../sim/pci/function.ts';
import { COMMAND, PCI, SRIOV } from '../../sim/pci/registers.ts';
import { Bare, CARD } from './bare.ts';

const BAR = (index: number): number => PCI.BASE_ADDRESS_0 + 4 * index;
const VF_BAR = CARD.SRIOV + SRIOV.BAR;

// covers: HW04
describe('BAR sizing: all ones are answered with the size, and the address comes back', () => {
  test.each([
    ['a 32-bit memory BAR of 16 KiB', [BAR(0)], [0xffff_c000]],
    ['an I/O BAR of 32 ports', [BAR(1)], [0xffff_ffe1]],
    ['a 64-bit prefetchable BAR of 16 MiB', [BAR(2), BAR(3)], [0xff00_000c, 0xffff_ffff]],
    ['a 64-bit prefetchable BAR of 8 GiB', [BAR(4), BAR(5)], [0x0000_000c, 0xffff_fffe]],
    ['a 64-bit BAR of one VF, 16 KiB', [VF_BAR, VF_BAR + 4], [0xffff_c00c, 0xffff_ffff]],
  ])('%s', (_what, registers, sizes) => {
    const fn = new Bare().fn();
    const before = registers.map((at) => fn.configRead(at, 4));
    expect(before.some((register) => register >>> 4 !== 0)).toBe(true);
    for (const at of registers) fn.configWrite(at, 4, 0xffff_ffff);
    expect(registers.map((at) => fn.configRead(at, 4))).toEqual(sizes);
    registers.forEach((at, i) => {
      fn.configWrite(at, 4, before[i]!);
    });
    expect(registers.map((at) => fn.configRead(at, 4))).toEqual(before);
  });

  test('a slot without a BAR stays zero', () => {
    const bare = new Bare([{ devfn: '02.0', function: { name: 'x', vendor: 1, device: 2, class: 0 } }]);
    const fn = bare.fn('00:02.0');
    fn.configWrite(BAR(0), 4, 0xffff_ffff);
    expect(fn.configRead(BAR(0), 4)).toBe(0);
  });
});

/** Bits of each dword of the header that keep what is written: PCI Express Base Specification 6.0, 7.5.1. */
function writableBits(fn: PciFunction): Record<string, string> {
  const found: [string, string][] = [];
  for (let at = 0; at < 0x40; at += 4) {
    fn.configWrite(at, 4, 0);
    const zeros = fn.configRead(at, 4);
    fn.configWrite(at, 4, 0xffff_ffff);
    const bits = (fn.configRead(at, 4) ^ zeros) >>> 0;
    if (bits !== 0) found.push([at.toString(16), bits.toString(16)]);
  }
  return Object.fromEntries(found);
}

// covers: HW01
test('of the header of a function just COMMAND, cache line, BARs and interrupt line can be written', () => {
  expect(writableBits(new Bare().fn())).toEqual({
    4: '547', // I/O, memory, mastering, parity, SERR, INTx disable
    c: 'ff',
    10: 'ffffc000',
    14: 'ffffffe0',
    18: 'ff000000',
    '1c': 'ffffffff',
    24: 'fffffffe', // 8 GiB: the lower register of BAR 4 has type bits only
    '3c': 'ff',
  });
});

// covers: HW01 HW12
test('of the header of a VF just mastering can be written, and the cache line, which has no effect', () => {
  const bare = new Bare();
  bare.fn().configWrite(CARD.SRIOV + SRIOV.NUM_VF, 2, 1);
  bare.fn().configWrite(CARD.SRIOV + SRIOV.CTRL, 2, 9);
  expect(writableBits([...bare.fn().virtuals][0]!)).toEqual({ 4: '4', c: 'ff' });
});

// covers: HW01
test('each error bit of STATUS is cleared by a one, and the bits that tell abilities are not', () => {
  const fn = new Bare().fn();
  fn.config.set(PCI.STATUS, 2, 0xf910);
  for (const bit of [0x0100, 0x0800, 0x1000, 0x2000, 0x4000, 0x8000]) {
    const before = fn.configRead(PCI.STATUS, 2);
    fn.configWrite(PCI.STATUS, 2, bit);
    expect(fn.configRead(PCI.STATUS, 2)).toBe(before & ~bit);
  }
  fn.configWrite(PCI.STATUS, 2, 0xffff);
  expect(fn.configRead(PCI.STATUS, 2)).toBe(0x0010);
});

// covers: HW01
test('identity registers take no write', () => {
  const fn = new Bare().fn();
  const before = [...fn.config.bytes.subarray(0, 4), ...fn.config.bytes.subarray(8, 12)];
  fn.configWrite(PCI.VENDOR_ID, 4, 0xdead_beef);
  fn.configWrite(PCI.REVISION_ID, 4, 0xdead_beef);
  expect([...fn.config.bytes.subarray(0, 4), ...fn.config.bytes.subarray(8, 12)]).toEqual(before);
});

test('only the bytes of an access are written', () => {
  const fn = new Bare().fn();
  fn.configWrite(PCI.INTERRUPT_LINE, 1, 0x0b);
  fn.configWrite(BAR(0), 4, 0x8765_4000);
  fn.configWrite(BAR(0) + 3, 1, 0x12);
  expect(fn.configRead(BAR(0), 4)).toBe(0x1265_4000);
  fn.configWrite(BAR(0) + 1, 1, 0xff);
  expect(fn.configRead(BAR(0), 4)).toBe(0x1265_c000);
  fn.configWrite(BAR(0) + 2, 2, 0);
  expect(fn.configRead(BAR(0), 4)).toBe(0x0000_c000);
  expect(fn.configRead(PCI.INTERRUPT_LINE, 1)).toBe(0x0b);
});

describe('bits cleared by writing one', () => {
  const STATUS_AT = CARD.AER + 0x04;

  test('ones clear, zeros keep', () => {
    const fn = new Bare().fn();
    fn.config.set(STATUS_AT, 4, 0x0010_0030);
    fn.configWrite(STATUS_AT, 4, 0x20);
    expect(fn.configRead(STATUS_AT, 4)).toBe(0x0010_0010);
    fn.configWrite(STATUS_AT, 4, 0xffff_ffff);
    expect(fn.configRead(STATUS_AT, 4)).toBe(0);
  });

  // covers: HW01 CF46
  test('a dword write to the register beside clears the status it covers, a word write does not', () => {
    const fn = new Bare().fn();
    fn.config.set(PCI.STATUS, 2, 0xf910);
    fn.configWrite(PCI.COMMAND, 2, fn.configRead(PCI.COMMAND, 2));
    expect(fn.configRead(PCI.STATUS, 2)).toBe(0xf910);
    fn.configWrite(PCI.COMMAND, 4, fn.configRead(PCI.COMMAND, 4));
    expect(fn.configRead(PCI.STATUS, 2)).toBe(0x0010);
  });
});

test('beyond the end there are only ones', () => {
  const fn = new Bare().fn();
  expect(fn.configRead(0x1000, 4)).toBe(0xffff_ffff);
  expect(fn.configRead(0xfff, 2)).toBe(0xffff);
  fn.configWrite(0x1000, 4, 0);
  expect(fn.configRead(0x0fff, 1)).toBe(0);
});

// covers: HW02
test('capabilities are chained in both lists, and the lists end', () => {
  const fn = new Bare().fn();
  const standard: number[] = [];
  for (let at = fn.configRead(PCI.CAPABILITY_LIST, 1); at !== 0; at = fn.configRead(at + 1, 1)) standard.push(at);
  expect(standard).toEqual([CARD.PM, CARD.MSI, CARD.EXP, CARD.MSIX]);
  expect(fn.configRead(PCI.STATUS, 2) & 0x10).toBe(0x10);
  const extended: number[] = [];
  for (let at = 0x100; at !== 0; at = fn.configRead(at, 4) >>> 20) extended.push(at);
  expect(extended).toEqual([CARD.AER, CARD.SRIOV]);
});

test('two machines share no configuration', () => {
  const [a, b] = [new Bare().fn(), new Bare().fn()];
  a.configWrite(PCI.COMMAND, 2, COMMAND.MASTER);
  a.configWrite(PCI.INTERRUPT_LINE, 1, 9);
  expect(b.configRead(PCI.INTERRUPT_LINE, 1)).toBe(0);
  expect(b.configRead(PCI.COMMAND, 2)).toBe(COMMAND.IO | COMMAND.MEMORY);
});
