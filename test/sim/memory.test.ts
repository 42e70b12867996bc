import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PAGE_SIZE, PhysicalMemory } from '../../sim/memory.ts';

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

test('every page has the owner it was allocated for, and the page behind it has none', () => {
  const memory = new PhysicalMemory();
  const a = memory.allocate('a', 2 * PAGE_SIZE);
  const b = memory.allocate('b', 1);
  expect(b.length).toBe(PAGE_SIZE);
  expect([memory.owner(a.start), memory.owner(a.start + 2 * PAGE_SIZE - 1)]).toEqual(['a', 'a']);
  expect(memory.owner(a.start + 2 * PAGE_SIZE)).toBeUndefined();
  expect(memory.owner(b.start)).toBe('b');
  memory.free(b);
  expect(memory.owner(b.start)).toBeUndefined();
});

test('an access that leaves the allocation is refused as a whole', () => {
  const memory = new PhysicalMemory();
  const { start } = memory.allocate('a', PAGE_SIZE);
  memory.allocate('b', PAGE_SIZE);
  const before = filled(8, 7);
  expect(memory.write(start + PAGE_SIZE - 8, before)).toBe(true);
  expect(memory.write(start + PAGE_SIZE - 4, filled(8, 9))).toBe(false);
  const into = new Uint8Array(8);
  expect(memory.read(start + PAGE_SIZE - 8, into)).toBe(true);
  expect(into).toEqual(before);
  expect(memory.read(start + PAGE_SIZE - 4, into)).toBe(false);
  expect(memory.read(start - 1, into)).toBe(false);
});

test('memory given to users reads as zero, the kernel’s own as the fill, also after the neighbour was written', () => {
  const memory = new PhysicalMemory(0x5a);
  const user = memory.allocate('user', 2 * PAGE_SIZE);
  const kernel = memory.allocate('kernel', 2 * PAGE_SIZE, PAGE_SIZE, false);
  for (const [extent, fill] of [
    [user, 0],
    [kernel, 0x5a],
  ] as const) {
    const into = new Uint8Array(100);
    memory.read(extent.start + PAGE_SIZE - 50, into);
    expect(into).toEqual(filled(100, fill));
    memory.write(extent.start, filled(1, 1));
    memory.read(extent.start, into);
    expect([...into]).toEqual([1, ...filled(99, fill)]);
  }
});

test('freed memory is gone with its contents, and cannot be freed twice', () => {
  const memory = new PhysicalMemory();
  const extent = memory.allocate('a', PAGE_SIZE);
  memory.write(extent.start, filled(4, 1));
  memory.free(extent);
  expect(memory.read(extent.start, new Uint8Array(4))).toBe(false);
  expect(memory.write(extent.start, new Uint8Array(4))).toBe(false);
  expect(() => memory.free(extent)).toThrow('twice');
});

test('large alignments are kept', () => {
  const memory = new PhysicalMemory();
  memory.allocate('a', PAGE_SIZE);
  expect(memory.allocate('b', 0x40_0000, 0x20_0000).start % 0x20_0000).toBe(0);
});

test('sparse pages hold what a flat array would hold, across page borders', () => {
  const write = fc.tuple(fc.nat(5 * PAGE_SIZE - 1), fc.integer({ min: 1, max: 2 * PAGE_SIZE }), fc.nat(255));
  fc.assert(
    fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
      const memory = new PhysicalMemory();
      const flat = new Uint8Array(5 * PAGE_SIZE);
      const { start } = memory.allocate('a', flat.length);
      for (const [at, wanted, value] of writes) {
        const bytes = Uint8Array.from({ length: Math.min(wanted, flat.length - at) }, (_, i) => value + i);
        expect(memory.write(start + at, bytes)).toBe(true);
        flat.set(bytes, at);
        const part = new Uint8Array(bytes.length);
        memory.read(start + at, part);
        expect(Buffer.compare(part, bytes)).toBe(0);
      }
      const all = new Uint8Array(flat.length);
      memory.read(start, all);
      expect(Buffer.compare(all, flat)).toBe(0);
    }),
    { numRuns: 50 },
  );
});
