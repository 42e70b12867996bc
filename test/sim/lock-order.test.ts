import { describe, expect, test } from 'vitest';
import { Mutex } from '../../sim/mutex.ts';
import { Scheduler, type Task } from '../../sim/scheduler.ts';

/** Takes the locks in this order and lets them go again; `null` is a lock that is only tried. */
function* nested(locks: readonly Mutex[], tried: readonly Mutex[] = []): Task<void> {
  for (const lock of locks) {
    if (tried.includes(lock)) lock.tryLock();
    else yield* lock.lock();
  }
  for (const lock of locks.toReversed()) lock.unlock();
}

function bench(): { readonly scheduler: Scheduler; readonly cycles: string[]; readonly lock: (name: string) => Mutex } {
  const scheduler = new Scheduler();
  const cycles: string[] = [];
  scheduler.locks.onCycle = (classes) => cycles.push(classes.join(' '));
  return { scheduler, cycles, lock: (name) => new Mutex(name, scheduler) };
}

describe('two orders of taking locks are noticed', () => {
  test('though no two threads ever meet', () => {
    const { scheduler, cycles, lock } = bench();
    const [a, b] = [lock('a'), lock('b')];
    scheduler.run(nested([a, b]));
    scheduler.run(nested([a, b]));
    expect(cycles).toEqual([]);
    scheduler.run(nested([b, a]));
    expect(cycles).toEqual(['b a b']);
    scheduler.run(nested([b, a]));
    expect(cycles).toHaveLength(1);
  });

  test('across three locks, and across locks of the same class', () => {
    const { scheduler, cycles, lock } = bench();
    scheduler.run(nested([lock('a'), lock('b')]));
    scheduler.run(nested([lock('b'), lock('c')]));
    scheduler.run(nested([lock('c'), lock('a')]));
    expect(cycles).toEqual(['c a b c']);
  });

  test('when a lock may be taken only: a page fault', () => {
    const { scheduler, cycles, lock } = bench();
    const state = lock('state');
    scheduler.locks.add('mmap', 'memory');
    scheduler.run(nested([lock('memory'), state]));
    scheduler.run(
      (function* (): Task<void> {
        yield* state.lock();
        scheduler.mayTake('mmap');
        state.unlock();
      })(),
    );
    expect(cycles).toEqual(['state mmap memory state']);
  });
});

describe('no danger is', () => {
  test('a lock that is tried, and given up if it is taken', () => {
    const { scheduler, cycles, lock } = bench();
    const [a, b] = [lock('a'), lock('b')];
    scheduler.run(nested([a, b]));
    scheduler.run(nested([b, a], [a]));
    expect(cycles).toEqual([]);
  });

  test('two orders that one more lock keeps apart, as long as it always does', () => {
    const { scheduler, cycles, lock } = bench();
    const [gate, a, b] = [lock('gate'), lock('a'), lock('b')];
    scheduler.run(nested([gate, a, b]));
    scheduler.run(nested([gate, b, a]));
    expect(cycles).toEqual([]);
    scheduler.run(nested([b, a]));
    expect(cycles).toEqual(['b a b']);
  });

  test('what another thread holds', () => {
    const { scheduler, cycles, lock } = bench();
    const [a, b] = [lock('a'), lock('b')];
    scheduler.run(nested([b, a]));
    scheduler.start(
      'holder',
      (function* (): Task<void> {
        yield* a.lock();
        yield 10;
        a.unlock();
      })(),
    );
    scheduler.run(nested([b]));
    scheduler.settle();
    expect(cycles).toEqual([]);
  });
});
