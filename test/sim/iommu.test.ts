import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FaultEvent } from '../../sim/fabric.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import { MSI_WINDOW } from '../../sim/iommu/iommu.ts';
import type { DevicePorts } from '../../sim/pci/model.ts';
import { Bare, ROOT_PORT, simple } from './bare.ts';

/** Two functions below root ports of their own. */
function two(iommu = {}): { bare: Bare; a: DevicePorts; b: DevicePorts; faults: FaultEvent[] } {
  const slot = (devfn: string) => ({ ...ROOT_PORT, devfn, below: [{ devfn: '00.0', function: simple(devfn) }] });
  const bare = new Bare([slot('01.0'), slot('02.0')], iommu);
  const faults: FaultEvent[] = [];
  bare.hardware.fabric.events.on('fault', (event) => faults.push(event));
  const [a, b] = ['01:00.0', '02:00.0'].map((name) => bare.probe(bare.fn(name)).ports);
  return { bare, a: a!, b: b!, faults };
}

describe('translation', () => {
  // covers: HW14 HW22
  test('a requester without a domain reaches nothing, and reads all ones', () => {
    const { bare, a, faults } = two();
    const extent = bare.hardware.memory.allocate('kernel', 4096);
    bare.master(bare.fn('01:00.0'));
    const into = new Uint8Array(4);
    expect(a.dma.read(extent.start, into)).toBe(false);
    expect(a.dma.write(extent.start, Uint8Array.of(1))).toBe(false);
    expect([...into]).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(faults.map(({ reason, write }) => [reason, write])).toEqual([
      ['translation', false],
      ['translation', true],
    ]);
  });

  // covers: HW14 HW22
  test('a read that runs off a mapping is all ones from there on, a write is done up to there', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    const extent = bare.memory(fn, 0x4000);
    bare.hardware.memory.write(extent.start, new Uint8Array(4096).fill(7));
    const into = new Uint8Array(16);
    expect(a.dma.read(0x4ff8, into)).toBe(false);
    expect([...into]).toEqual([...new Array(8).fill(7), ...new Array(8).fill(0xff)]);
    expect(a.dma.write(0x4ffc, new Uint8Array(8).fill(9))).toBe(false);
    expect(bare.bytes(extent.start + 0xff8, 8)).toEqual([7, 7, 7, 7, 9, 9, 9, 9]);
  });

  // covers: HW14
  test('read-only and write-only mappings are kept apart', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    bare.memory(fn, 0x1000, 0x1000, { read: true, write: false });
    bare.memory(fn, 0x2000, 0x1000, { read: false, write: true });
    const into = new Uint8Array(1);
    expect([a.dma.read(0x1000, into), a.dma.write(0x1000, into)]).toEqual([true, false]);
    expect([a.dma.read(0x2000, into), a.dma.write(0x2000, into)]).toEqual([false, true]);
  });

  test('one requester’s mappings are nothing to the other', () => {
    const { bare, a, b } = two();
    const mine = bare.memory(bare.fn('01:00.0'), 0x1000);
    bare.memory(bare.fn('02:00.0'), 0x2000);
    expect([a.dma.write(0x1000, Uint8Array.of(1)), b.dma.write(0x1000, Uint8Array.of(2))]).toEqual([true, false]);
    expect(bare.bytes(mine.start, 1)).toEqual([1]);
  });

  // covers: HW14
  test('what is unmapped is out of reach at once', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    bare.memory(fn, 0x1000);
    bare.domain(fn).unmap(0x1000, 0x1000);
    expect(a.dma.write(0x1000, Uint8Array.of(1))).toBe(false);
  });

  test('a request across mappings goes to each one’s memory, as a page table says', () => {
    const mapping = fc.record({ at: fc.nat(12), pages: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(fc.array(mapping, { maxLength: 6 }), fc.nat(0xf000), fc.nat(0x3000), (mappings, from, length) => {
        const { bare, a } = two();
        const fn = bare.fn('01:00.0');
        const table = new Map<number, number>();
        for (const { at, pages } of mappings) {
          if (Array.from({ length: pages }, (_, i) => at + i).some((page) => table.has(page))) continue;
          const extent = bare.memory(fn, at * 4096, pages * 4096);
          for (let i = 0; i < pages; i++) table.set(at + i, extent.start + i * 4096);
        }
        bare.master(fn);
        const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
        let reachable = 0;
        while (reachable < length && table.has(Math.floor((from + reachable) / 4096))) reachable++;
        expect(a.dma.write(from, bytes)).toBe(reachable === length);
        for (let i = 0; i < reachable; i += 97)
          expect(bare.bytes(table.get(Math.floor((from + i) / 4096))! + ((from + i) % 4096), 1)).toEqual([bytes[i]]);
      }),
      { numRuns: 60 },
    );
  });

  // covers: HW24
  test('dirty bits are set by writes, page by page, and only while tracking', () => {
    const domain = new Domain('paging', 'd');
    domain.map({ start: 0, length: 0x4000, physical: 0, read: true, write: true });
    expect(domain.translate(0, true)!.dirty).toBeUndefined();
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    bare.memory(fn, 0x10000, 0x4000);
    bare.domain(fn).setTracking(true);
    a.dma.write(0x11ff0, new Uint8Array(0x20));
    a.dma.read(0x13000, new Uint8Array(8));
    const seen: number[] = [];
    bare.domain(fn).visitDirty(0x10000, 0x4000, false, (start, length) => seen.push(start, length));
    expect(seen).toEqual([0x11000, 0x1000, 0x12000, 0x1000]);
  });

  // covers: HW24
  test('a large page has one dirty bit, and is large only where both addresses and its ends allow it', () => {
    const domain = new Domain('paging', 'd');
    domain.leafSizes = [0x1000, 0x20_0000];
    domain.setTracking(true);
    domain.map({ start: 0x1f_f000, length: 0x20_2000, physical: 0x101f_f000, read: true, write: true });
    domain.map({ start: 0x80_0000, length: 0x20_0000, physical: 0x2000_1000, read: true, write: true });
    const dirtied = (address: number): number[] => {
      const mapping = domain.translate(address, true)!;
      mapping.dirty!.mark(address - mapping.start, 1);
      const seen: number[] = [];
      domain.visitDirty(0, 2 ** 48, true, (start, length) => seen.push(start, length));
      return seen;
    };
    expect(dirtied(0x1f_f800)).toEqual([0x1f_f000, 0x1000]);
    expect(dirtied(0x20_0000)).toEqual([0x20_0000, 0x20_0000]);
    expect(dirtied(0x3f_ffff)).toEqual([0x20_0000, 0x20_0000]);
    expect(dirtied(0x40_0000)).toEqual([0x40_0000, 0x1000]);
    expect(dirtied(0x80_0000)).toEqual([0x80_0000, 0x1000]);
    domain.map({ start: 2 ** 40, length: 0x20_0000, physical: 2 ** 41, read: true, write: true });
    domain.leafSizes = [0x1000];
    domain.map({ start: 2 ** 42, length: 0x20_0000, physical: 2 ** 41, read: true, write: true });
    expect([dirtied(2 ** 40 + 0x5000), dirtied(2 ** 42 + 0x5000)]).toEqual([
      [2 ** 40, 0x20_0000],
      [2 ** 42 + 0x5000, 0x1000],
    ]);
  });

  // covers: HW24
  test('a part of a large page that is asked for shows that part, and its bit is gone for the whole page', () => {
    const domain = new Domain('paging', 'd');
    domain.leafSizes = [0x1000, 0x20_0000];
    domain.setTracking(true);
    domain.map({ start: 0, length: 0x40_0000, physical: 0, read: true, write: true });
    domain.translate(0, true)!.dirty!.mark(0x1_0000, 1);
    const visit = (start: number, length: number): number[] => {
      const seen: number[] = [];
      domain.visitDirty(start, length, true, (...part) => seen.push(...part));
      return seen;
    };
    expect(visit(0x20_0000, 0x20_0000)).toEqual([]);
    expect(visit(0x8_0000, 0x1000)).toEqual([0x8_0000, 0x18_0000]);
    expect(visit(0, 0x40_0000)).toEqual([]);
  });

  // covers: HW24
  test('a write far into a mapping of 64 GiB marks the page that it went to', () => {
    const domain = new Domain('paging', 'd');
    domain.setTracking(true);
    domain.map({ start: 0, length: 2 ** 36, physical: 0, read: true, write: true });
    domain.translate(0, true)!.dirty!.mark(2 ** 35 + 5, 1);
    const seen: number[] = [];
    domain.visitDirty(0, 2 ** 36, false, (start) => seen.push(start));
    expect(seen).toEqual([2 ** 35]);
  });

  // covers: HW24
  test('a mapping that is cut in two keeps its dirty bits on both sides', () => {
    const domain = new Domain('paging', 'd');
    domain.setTracking(true);
    domain.map({ start: 0x1000, length: 0x4000, physical: 0, read: true, write: true });
    domain.translate(0x1000, true)!.dirty!.mark(0, 1);
    domain.translate(0x1000, true)!.dirty!.mark(0x3000, 1);
    domain.split(0x3000);
    const seen: number[] = [];
    domain.visitDirty(0, 0x10000, false, (start) => seen.push(start));
    expect(seen).toEqual([0x1000, 0x4000]);
  });

  test('a PASID selects another table than the requester id alone', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    bare.memory(fn, 0x1000);
    const { memory, fabric } = bare.hardware;
    const other = memory.allocate('pasid 5', 4096);
    const domain = new Domain('paging', 'pasid 5');
    domain.map({ start: 0x1000, length: 4096, physical: other.start, read: true, write: true });
    fabric.iommu.attachPasid(fn.aliasId, 5, domain);
    expect(a.dma.write(0x1000, Uint8Array.of(5), 5)).toBe(true);
    expect(bare.bytes(other.start, 1)).toEqual([5]);
    expect(a.dma.write(0x1000, Uint8Array.of(6), 6)).toBe(false);
  });
});

describe('the MSI window', () => {
  const dword = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

  // covers: HW15
  test('a dword written there is an interrupt, not DMA, even where a mapping covers it', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    const extent = bare.memory(fn, MSI_WINDOW.start);
    let count = 0;
    const vector = bare.hardware.fabric.interrupts.allocate(fn.aliasId, () => count++)!;
    expect(a.dma.write(vector.address, dword(vector.data))).toBe(true);
    expect(count).toBe(1);
    expect(bare.bytes(extent.start, 4)).toEqual([0, 0, 0, 0]);
  });

  // covers: HW15
  test('the same message written outside the window is plain DMA', () => {
    const { bare, a } = two();
    const fn = bare.fn('01:00.0');
    const extent = bare.memory(fn, MSI_WINDOW.start + MSI_WINDOW.length);
    let count = 0;
    const vector = bare.hardware.fabric.interrupts.allocate(fn.aliasId, () => count++)!;
    expect(a.dma.write(MSI_WINDOW.start + MSI_WINDOW.length, dword(vector.data + 0x55))).toBe(true);
    expect(count).toBe(0);
    expect(bare.bytes(extent.start, 1)).toEqual([vector.data + 0x55]);
  });

  // covers: HW15
  test('reads there, and writes of other lengths, are faults', () => {
    const { bare, a, faults } = two();
    bare.domain(bare.fn('01:00.0'));
    expect(a.dma.read(MSI_WINDOW.start, new Uint8Array(4))).toBe(false);
    expect(a.dma.write(MSI_WINDOW.start, new Uint8Array(8))).toBe(false);
    expect(a.dma.write(MSI_WINDOW.start, new Uint8Array(2))).toBe(false);
    expect(faults.map(({ reason }) => reason)).toEqual(['interrupt', 'interrupt', 'interrupt']);
  });

  // covers: HW16
  test('with remapping nobody can raise a vector of another function, or one that is not there', () => {
    const { bare, a, b, faults } = two();
    let count = 0;
    const vector = bare.hardware.fabric.interrupts.allocate(bare.fn('01:00.0').aliasId, () => count++)!;
    for (const name of ['01:00.0', '02:00.0']) bare.domain(bare.fn(name));
    expect(b.dma.write(vector.address, dword(vector.data))).toBe(false);
    expect(a.dma.write(vector.address, dword(vector.data + 1))).toBe(false);
    expect(a.dma.write(vector.address, dword(0xffff_ffff))).toBe(false);
    expect([count, faults.length]).toEqual([0, 3]);
    bare.hardware.fabric.interrupts.free(vector);
    expect(a.dma.write(vector.address, dword(vector.data))).toBe(false);
    expect(count).toBe(0);
  });

  // covers: HW16
  test('without remapping a function can forge another’s interrupt', () => {
    const { bare, b } = two({ interruptRemapping: false });
    let count = 0;
    const vector = bare.hardware.fabric.interrupts.allocate(bare.fn('01:00.0').aliasId, () => count++)!;
    bare.domain(bare.fn('02:00.0'));
    expect(b.dma.write(vector.address, dword(vector.data))).toBe(true);
    expect(count).toBe(1);
  });
});
