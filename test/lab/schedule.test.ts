import { describe, expect, test } from 'vitest';
import { Mutex } from '../../sim/mutex.ts';
import { Scheduler, type Task } from '../../sim/scheduler.ts';
import { Random } from '../../src/lab/random.ts';
import { anyOrder, DIGITS, ordered, unordered } from '../../src/lab/schedule.ts';

/** Two threads of four steps each, which may have to wait before every step; what they did, in order. */
function run(order: number): string {
  const scheduler = new Scheduler();
  let done = '';
  function* thread(name: string): Task<void> {
    for (let step = 0; step < 4; step++) {
      yield* scheduler.mightSleep();
      done += name;
    }
  }
  ordered(scheduler, order);
  scheduler.spawn('a', thread('a'));
  scheduler.spawn('b', thread('b'));
  scheduler.settle();
  return done;
}

describe('the order of threads that run beside each other', () => {
  test('is one after the other, if there is no switch', () => {
    expect(run(0)).toBe('aaaabbbb');
  });

  test('has a switch at the place that a digit says, and no other', () => {
    expect([1, 2, 3, 4, 5].map(run)).toEqual(['bbbbaaaa', 'bbbbaaaa', 'abbbbaaa', 'aabbbbaa', 'aaabbbba']);
  });

  test('has a second switch where the second digit says', () => {
    expect(run(3 + DIGITS * 2)).toBe('abaaabbb');
  });

  test('reaches every place between two steps of one thread by a single switch', () => {
    const places = new Set(Array.from({ length: DIGITS }, (_, digit) => run(digit).indexOf('b')));
    expect([...places].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test('is over when it is taken back: who has a lock free goes on', () => {
    const scheduler = new Scheduler();
    ordered(scheduler, 1);
    unordered(scheduler);
    const lock = new Mutex('lock', scheduler);
    expect(lock.lock().next('woken').done).toBe(true);
  });

  test('has one switch mostly, when it is drawn', () => {
    const random = new Random(1);
    const orders = Array.from({ length: 1000 }, () => anyOrder(random));
    const single = orders.filter((order) => order < DIGITS).length;
    expect(single).toBeGreaterThan(500);
    expect(single).toBeLessThan(900);
    expect(Math.max(...orders)).toBeGreaterThan(DIGITS ** 2);
  });
});
