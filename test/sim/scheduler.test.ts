import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mutex } from '../../sim/mutex.ts';
import { HANG, Scheduler, type Task, WaitQueue } from '../../sim/scheduler.ts';

/** A thread that says its name, `turns` times, and lets others run in between. */
function* talker(log: string[], name: string, turns: number, wait = 0): Task<void> {
  for (let i = 0; i < turns; i++) {
    log.push(`${name}${i}`);
    yield wait;
  }
}

test('threads that give way take turns, first come, first served', () => {
  const log: string[] = [];
  const scheduler = new Scheduler();
  scheduler.spawn('a', talker(log, 'a', 2));
  scheduler.spawn('b', talker(log, 'b', 2));
  scheduler.settle();
  expect(log).toEqual(['a0', 'b0', 'a1', 'b1']);
});

test('the same choices give the same run, and other choices another one', () => {
  const run = (choices: readonly number[]): string => {
    const log: string[] = [];
    const scheduler = new Scheduler();
    let at = 0;
    scheduler.choose = (runnable) => (choices[at++] ?? 0) % runnable.length;
    for (const name of ['a', 'b', 'c']) scheduler.spawn(name, talker(log, name, 3));
    scheduler.settle();
    return log.join(' ');
  };
  fc.assert(
    fc.property(fc.array(fc.nat(2), { maxLength: 12 }), (choices) => {
      expect(run(choices)).toBe(run(choices));
      expect(run(choices).split(' ')).toHaveLength(9);
    }),
    { numRuns: 100 },
  );
  expect(run([2, 2, 2])).not.toBe(run([0, 0, 0]));
});

test('sleepers wake in the order of their timers, and the clock shows when', () => {
  const scheduler = new Scheduler();
  const log: [string, number][] = [];
  for (const [name, delay] of [
    ['late', 300],
    ['early', 100],
    ['middle', 200],
  ] as const)
    scheduler.after(delay, name, () => log.push([name, scheduler.now]));
  scheduler.settle();
  expect(log).toEqual([
    ['early', 100],
    ['middle', 200],
    ['late', 300],
  ]);
});

test('a call alone on the machine only lets time pass', () => {
  const scheduler = new Scheduler();
  expect(
    scheduler.run(
      (function* (): Task<number> {
        yield 50;
        yield 70;
        return 3;
      })(),
    ),
  ).toBe(3);
  expect(scheduler.now).toBe(120);
});

function* waits(queue: WaitQueue): Task<string> {
  return yield queue;
}

test('a call that waits for what can never happen is a hang, and it can be interrupted', () => {
  const scheduler = new Scheduler();
  const queue = new WaitQueue('never');
  expect(scheduler.run(waits(queue))).toBe(HANG);
  const [thread] = scheduler.threads;
  thread!.interrupt();
  scheduler.settle();
  expect(thread).toMatchObject({ done: true, result: 'interrupted' });
  expect(scheduler.threads).toEqual([]);
  expect(queue.sleepers).toEqual([]);
});

test('a call that something wakes later is no hang', () => {
  const scheduler = new Scheduler();
  const queue = new WaitQueue('later');
  scheduler.after(1000, 'waker', () => queue.wake());
  expect(scheduler.run(waits(queue))).toBe('woken');
  expect(scheduler.now).toBe(1000);
});

test('waking wakes all who sleep, and nobody who comes later', () => {
  const scheduler = new Scheduler();
  const queue = new WaitQueue('q');
  const threads = [1, 2, 3].map((n) => scheduler.start(`t${n}`, waits(queue)));
  queue.wake();
  scheduler.settle();
  expect(threads.map(({ done }) => done)).toEqual([true, true, true]);
  expect(scheduler.run(waits(queue))).toBe(HANG);
});

test('start runs up to the first sleep at once, spawn does not', () => {
  const log: string[] = [];
  const scheduler = new Scheduler();
  scheduler.spawn('spawned', talker(log, 's', 1));
  scheduler.start('started', talker(log, 'x', 1));
  expect(log).toEqual(['x0']);
});

test('a machine that never rests is found out', () => {
  const scheduler = new Scheduler();
  scheduler.spawn(
    'restless',
    (function* (): Task<void> {
      for (;;) yield 10;
    })(),
  );
  expect(() => scheduler.settle(1000)).toThrow('come to rest');
});

test('a mutex lets one in at a time, whatever the order of the threads', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 40 }), (choices) => {
      const scheduler = new Scheduler();
      let at = 0;
      scheduler.choose = (runnable) => (choices[at++] ?? 0) % runnable.length;
      const mutex = new Mutex('m');
      let inside = 0;
      let most = 0;
      const threads = Array.from({ length: 4 }, (_, i) =>
        scheduler.spawn(
          `t${i}`,
          (function* (): Task<void> {
            yield* mutex.lock();
            most = Math.max(most, ++inside);
            yield 0;
            yield 5;
            inside--;
            mutex.unlock();
          })(),
        ),
      );
      scheduler.settle();
      expect(threads.every(({ done }) => done)).toBe(true);
      expect(most).toBe(1);
      expect(mutex.locked).toBe(false);
    }),
    { numRuns: 100 },
  );
});
