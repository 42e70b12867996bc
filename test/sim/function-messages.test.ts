import { describe, expect, test } from 'vitest';
import type { PciFunction } from '../../sim/pci/function.ts';
import { MSI, MSIX, MSIX_ENTRY, PCI } from '../../sim/pci/registers.ts';
import { Bare, CARD } from './bare.ts';

/** MSI-X on, its vectors programmed with host vectors that count; all masked. */
function msix(): { bare: Bare; fn: PciFunction; counts: number[]; raise(vector: number): void } {
  const bare = new Bare();
  const fn = bare.fn();
  const counts = [0, 0, 0, 0];
  for (let vector = 0; vector < 4; vector++) {
    const host = bare.hardware.fabric.interrupts.allocate(fn.aliasId, () => counts[vector]!++)!;
    fn.write(0, CARD.TABLE + 16 * vector, 4, host.address);
    fn.write(0, CARD.TABLE + 16 * vector + MSIX_ENTRY.DATA, 4, host.data);
  }
  bare.master(fn);
  fn.configWrite(CARD.MSIX + MSIX.FLAGS, 2, 0x8000);
  return { bare, fn, counts, raise: (vector) => bare.probe(fn).ports.interrupts.message(vector) };
}

const unmask = (fn: PciFunction, vector: number, on = true): void =>
  fn.write(0, CARD.TABLE + 16 * vector + MSIX_ENTRY.CTRL, 4, on ? 0 : 1);
const pending = (fn: PciFunction): number => fn.read(0, CARD.PBA, 4);

describe('MSI-X', () => {
  // covers: HW05
  test('entries start masked; a message of a masked vector is pending and comes with the unmask, once', () => {
    const { fn, counts, raise } = msix();
    raise(2);
    raise(2);
    expect([counts, pending(fn)]).toEqual([[0, 0, 0, 0], 0b100]);
    unmask(fn, 2);
    expect([counts, pending(fn)]).toEqual([[0, 0, 1, 0], 0]);
    raise(2);
    raise(1);
    expect([counts, pending(fn)]).toEqual([[0, 0, 2, 0], 0b10]);
  });

  // covers: HW05
  test('the function mask holds all vectors back and gives them free', () => {
    const { fn, counts, raise } = msix();
    for (const vector of [0, 1, 3]) unmask(fn, vector);
    fn.configWrite(CARD.MSIX + MSIX.FLAGS, 2, 0xc000);
    for (const vector of [0, 2, 3]) raise(vector);
    expect([counts, pending(fn)]).toEqual([[0, 0, 0, 0], 0b1101]);
    fn.configWrite(CARD.MSIX + MSIX.FLAGS, 2, 0x8000);
    expect([counts, pending(fn)]).toEqual([[1, 0, 0, 1], 0b100]);
  });

  test('a masked vector’s message is not lost when another is unmasked', () => {
    const { fn, counts, raise } = msix();
    raise(1);
    unmask(fn, 0);
    expect([counts, pending(fn)]).toEqual([[0, 0, 0, 0], 0b10]);
  });

  // covers: HW05
  test('table and pending bits are the function’s, not the model’s; the pending bits take no write', () => {
    const { bare, fn, raise } = msix();
    raise(0);
    fn.write(0, CARD.PBA, 4, 0xffff_ffff);
    expect(pending(fn)).toBe(1);
    expect([...bare.probe(fn).cells.keys()].filter((key) => key.startsWith(`0:${CARD.TABLE}`))).toEqual([]);
  });

  test('a vector the table does not have goes nowhere', () => {
    const { fn, counts, raise } = msix();
    raise(4);
    raise(1000);
    expect([counts, pending(fn)]).toEqual([[0, 0, 0, 0], 0]);
  });

  // covers: HW05 HW09
  test('a reset masks everything and forgets what was pending', () => {
    const { bare, fn, counts, raise } = msix();
    unmask(fn, 0);
    raise(1);
    fn.reset('flr');
    fn.configWrite(PCI.COMMAND, 2, 6);
    fn.configWrite(CARD.MSIX + MSIX.FLAGS, 2, 0x8000);
    expect(pending(fn)).toBe(0);
    expect([0, 1, 2, 3].map((v) => fn.read(0, CARD.TABLE + 16 * v + MSIX_ENTRY.CTRL, 4))).toEqual([1, 1, 1, 1]);
    expect([0, 1, 2, 3].map((v) => fn.read(0, CARD.TABLE + 16 * v, 4))).toEqual([0, 0, 0, 0]);
    expect(counts).toEqual([0, 0, 0, 0]);
    void bare;
  });
});

describe('bus mastering', () => {
  // covers: HW08
  test('off, neither messages nor DMA leave the function', () => {
    const { bare, fn, counts, raise } = msix();
    unmask(fn, 0);
    const extent = bare.memory(fn, 0x1000);
    const { dma } = bare.probe(fn).ports;
    expect(dma.write(0x1000, Uint8Array.of(1))).toBe(true);
    bare.master(fn, false);
    raise(0);
    const into = new Uint8Array(4);
    expect(dma.read(0x1000, into)).toBe(false);
    expect(dma.write(0x1000, Uint8Array.of(9))).toBe(false);
    expect([...into]).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(bare.bytes(extent.start, 1)).toEqual([1]);
    expect(counts).toEqual([0, 0, 0, 0]);
    bare.master(fn);
    raise(0);
    expect(counts).toEqual([1, 0, 0, 0]);
  });

  // covers: HW10
  test('in D3hot nothing leaves it either', () => {
    const { bare, fn, counts, raise } = msix();
    unmask(fn, 0);
    fn.configWrite(CARD.PM + 4, 2, 3);
    raise(0);
    expect(bare.probe(fn).ports.dma.write(0x1000, Uint8Array.of(9))).toBe(false);
    expect(counts).toEqual([0, 0, 0, 0]);
  });
});

// covers: HW23
test('what a function wrote before its message is in memory when the interrupt is seen', () => {
  const { bare, fn } = msix();
  const extent = bare.memory(fn, 0x1000);
  const { dma, interrupts } = bare.probe(fn).ports;
  const seen: number[][] = [];
  const host = bare.hardware.fabric.interrupts.allocate(fn.aliasId, () => seen.push(bare.bytes(extent.start, 2)))!;
  fn.write(0, CARD.TABLE, 4, host.address);
  fn.write(0, CARD.TABLE + MSIX_ENTRY.DATA, 4, host.data);
  unmask(fn, 0);
  dma.write(0x1000, Uint8Array.of(1));
  dma.write(0x1001, Uint8Array.of(2));
  interrupts.message(0);
  dma.write(0x1000, Uint8Array.of(3));
  interrupts.message(0);
  expect(seen).toEqual([
    [1, 2],
    [3, 2],
  ]);
});

describe('MSI', () => {
  /** Four messages enabled, with per-vector masks. */
  function msi(): { fn: PciFunction; seen: number[]; raise(vector: number): void } {
    const bare = new Bare();
    const fn = bare.fn();
    const seen: number[] = [];
    const vectors = [0, 1, 2, 3].map((n) => bare.hardware.fabric.interrupts.allocate(fn.aliasId, () => seen.push(n))!);
    bare.master(fn);
    const at = CARD.MSI;
    fn.configWrite(at + MSI.ADDRESS_LO, 4, vectors[0]!.address);
    fn.configWrite(at + MSI.DATA_64, 2, vectors[0]!.data);
    fn.configWrite(at + MSI.FLAGS, 2, 0x21);
    return { fn, seen, raise: (vector) => bare.probe(fn).ports.interrupts.message(vector) };
  }

  // covers: HW06
  test('the low bits of the data tell the messages apart', () => {
    const { seen, raise } = msi();
    for (const vector of [3, 0, 2]) raise(vector);
    expect(seen).toEqual([3, 0, 2]);
  });

  // covers: HW06
  test('a masked message is pending, and comes with the unmask, once', () => {
    const { fn, seen, raise } = msi();
    const [mask, pending] = [CARD.MSI + MSI.MASK_64, CARD.MSI + MSI.MASK_64 + 4];
    fn.configWrite(mask, 4, 0b10);
    raise(1);
    raise(2);
    expect([seen, fn.configRead(pending, 4)]).toEqual([[2], 0b10]);
    fn.configWrite(mask, 4, 0);
    expect([seen, fn.configRead(pending, 4)]).toEqual([[2, 1], 0]);
    fn.configWrite(mask, 4, 0);
    expect(seen).toEqual([2, 1]);
  });
});
