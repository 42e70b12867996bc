import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Interval, Intervals } from '../../sim/intervals.ts';

const SPACE = 48;
const operation = fc.record({
  what: fc.constantFrom('insert', 'insert', 'remove', 'look'),
  start: fc.nat(SPACE),
  length: fc.integer({ min: 0, max: 10 }),
});

/** The same set, position by position. */
class Naive {
  readonly cells: (Interval | undefined)[] = new Array(SPACE + 16).fill(undefined);
  touched(start: number, length: number): Interval[] {
    return [...new Set(this.cells.slice(start, start + length).filter((cell) => cell !== undefined))];
  }
  fill(item: Interval, value: Interval | undefined): void {
    for (let at = item.start; at < item.start + item.length; at++) this.cells[at] = value;
  }
}

test('intervals answer as a list of single positions does, whatever is inserted and removed', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const real = new Intervals<Interval>();
      const naive = new Naive();
      for (const { what, start, length } of operations) {
        if (what === 'insert') {
          const item = { start, length };
          const free = length > 0 && naive.touched(start, length).length === 0;
          expect(real.insert(item)).toBe(free);
          if (free) naive.fill(item, item);
        } else if (what === 'remove') {
          const item = naive.cells[start];
          if (item === undefined) expect(real.remove({ start, length: 1 })).toBe(false);
          else {
            expect(real.remove(item)).toBe(true);
            naive.fill(item, undefined);
          }
        } else {
          expect(real.at(start)).toBe(naive.cells[start]);
          if (length === 0) continue;
          expect(real.overlaps(start, length)).toBe(naive.touched(start, length).length > 0);
          expect(real.within(start, length)).toEqual(naive.touched(start, length));
        }
        expect(real.items).toEqual(naive.touched(0, SPACE + 16));
        expect(real.size).toBe(real.items.length);
      }
    }),
    { numRuns: 300 },
  );
});

test('remove takes exactly the item, not one that looks the same', () => {
  const set = new Intervals<Interval>();
  const item = { start: 4096, length: 4096 };
  set.insert(item);
  expect(set.remove({ ...item })).toBe(false);
  expect(set.remove(item)).toBe(true);
  expect(set.size).toBe(0);
});

test('positions up to 2^53 are exact', () => {
  const set = new Intervals<Interval>();
  const last = { start: 2 ** 52, length: 2 ** 52 - 1 };
  expect(set.insert(last)).toBe(true);
  expect(set.insert({ start: 2 ** 52 - 1, length: 1 })).toBe(true);
  expect(set.at(2 ** 53 - 2)).toBe(last);
  expect(set.at(2 ** 53 - 1)).toBeUndefined();
  set.clear();
  expect(set.at(2 ** 52)).toBeUndefined();
});

test('a large set, filled and emptied in any order, answers as a sorted list does', () => {
  const COUNT = 3000;
  const GAP = 10;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: GAP }), (seed, length) => {
      const order = shuffled(COUNT, seed);
      const set = new Intervals<Interval>();
      const items = order.map((n) => ({ start: n * GAP, length }));
      for (const item of items) expect(set.insert(item)).toBe(true);
      expect(set.insert({ start: GAP, length: 1 })).toBe(false);
      const sorted = items.toSorted((a, b) => a.start - b.start);
      expect(set.items).toEqual(sorted);
      const gone = new Set(items.slice(0, COUNT - 40));
      for (const item of gone) expect(set.remove(item)).toBe(true);
      const left = sorted.filter((item) => !gone.has(item));
      expect([set.items, set.size]).toEqual([left, 40]);
      for (let n = 0; n < COUNT; n += 7) {
        const at = n * GAP;
        expect(set.at(at)).toBe(left.find((item) => item.start === at));
        expect(set.from(at)).toBe(left.find((item) => item.start >= at));
        const near = left.filter((item) => item.start < at + 500 && item.start + length > at);
        expect(set.within(at, 500)).toEqual(near);
        expect(set.overlaps(at, 500)).toBe(near.length > 0);
      }
      for (const item of left) expect(set.remove(item)).toBe(true);
      expect([set.items, set.at(0), set.from(0)]).toEqual([[], undefined, undefined]);
      expect(set.insert(items[0]!)).toBe(true);
    }),
    { numRuns: 10 },
  );
});

/** The numbers below `count`: ascending, descending, or mixed, by `seed`. */
function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  if (seed % 4 === 0) return order;
  if (seed % 4 === 1) return order.reverse();
  let state = (Math.abs(seed) % 2147483646) + 1;
  return order
    .map((n) => [(state = (state * 48271) % 2147483647), n] as const)
    .sort(([a], [b]) => a - b)
    .map(([, n]) => n);
}
