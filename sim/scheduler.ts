/**
 * The machine's scheduler: cooperative threads on a virtual clock. What may sleep is a generator; `yield` is the sleep
 * point, as might_sleep() is in C. Order is an input: {@link Scheduler.choose} picks among the runnable threads, so a
 * race is explored, replayed and shrunk like any other input. No wall clock, no randomness.
 */

import { HangError } from './hang.ts';
import { LockOrder } from './lock-order.ts';

/** What a task sleeps on: a queue somebody wakes, a delay in virtual nanoseconds, or 0 to let others run. */
export type Wait = WaitQueue | number;
/** How a sleep ended: normally, or by {@link Thread.interrupt} (a signal): interruptible sleepers then give up. */
export type Wake = 'woken' | 'interrupted';
/** Something that may sleep and ends with a `T`. */
export type Task<T> = Generator<Wait, T, Wake>;

/**
 * A task that has ended: for what might have slept and need not. It can be yielded to any number of times, and is no
 * generator: resuming one costs more than most of what goes on between.
 */
export const DONE: Task<void> = Object.freeze({
  next: () => ENDED,
  [Symbol.iterator]: () => DONE,
}) as unknown as Task<void>;
const ENDED: IteratorResult<Wait, void> = Object.freeze({ done: true, value: undefined });

/** A thread: a task on its way. */
export interface Thread<T = unknown> {
  readonly name: string;
  done: boolean;
  result: T | undefined;
  /** Wakes the thread out of its sleep with `interrupted`, as a signal does. */
  interrupt(): void;
}

class Slot implements Thread {
  readonly name: string;
  readonly task: Task<unknown>;
  done = false;
  result: unknown = undefined;
  waiting: WaitQueue | undefined = undefined;
  wakeAt = 0;
  state: 'runnable' | 'running' | 'waiting' | 'sleeping' | 'done' = 'runnable';
  wake: Wake = 'woken';
  /** Locks it holds, by class. */
  holding: string[] = [];

  constructor(name: string, task: Task<unknown>) {
    this.name = name;
    this.task = task;
  }

  interrupt(): void {
    if (this.state === 'waiting') {
      const { sleepers } = this.waiting!;
      const at = sleepers.indexOf(this);
      if (at >= 0) sleepers.splice(at, 1);
      this.waiting = undefined;
    } else if (this.state !== 'sleeping') return;
    this.state = 'runnable';
    this.wake = 'interrupted';
  }
}

/** Threads waiting for an event. Waking moves every sleeper to the run queue; each re-checks its own condition. */
export class WaitQueue {
  readonly name: string;
  private waiting: Slot[] | undefined;
  constructor(name: string) {
    this.name = name;
  }
  /** The threads asleep here, longest first. */
  get sleepers(): Slot[] {
    this.waiting ??= [];
    return this.waiting;
  }
  /** Wakes all sleepers (wake_up_all). */
  wake(): void {
    const slots = this.waiting;
    if (slots === undefined || slots.length === 0) return;
    this.waiting = undefined;
    for (const slot of slots) {
      slot.state = 'runnable';
      slot.waiting = undefined;
      slot.wake = 'woken';
    }
  }
}

/** Returned when a call can never finish: nothing is runnable and no timer is pending. A verdict, not an error. */
export const HANG: unique symbol = Symbol('hang');

/** Picks the next thread to run: an index below `runnable.length`. */
export type Choose = (runnable: readonly Thread[]) => number;

/** First come, first served. */
export const FIFO: Choose = () => 0;

/** Steps after which a machine counts as one that never comes to rest. */
const BUDGET = 100_000;
const RESTLESS = 'the machine does not come to rest: a device or a task never stops scheduling itself';

/** Deterministic cooperative scheduler with a virtual clock in nanoseconds. */
export class Scheduler {
  /** Virtual time in nanoseconds since the machine was built. */
  now = 0;
  /** The schedule: first come, first served unless the lab replaces it. */
  choose: Choose = FIFO;
  /** A thread can lose the processor wherever it may have to wait, whether or not it does: see {@link mightSleep}. */
  preemptive = false;
  /** In which order locks are taken. */
  readonly locks = new LockOrder();
  private readonly slots: Slot[] = [];
  /** Locks that the running thread holds, by class, in the order in which it took them. */
  private holding: string[] = [];

  /** A point at which a call may have to wait: others get their turn even if it need not (might_sleep). */
  mightSleep(): Task<void> {
    return this.preemptive ? letOthersRun() : DONE;
  }

  /** The running thread takes a lock of this class, or may have to: what it holds comes before. */
  mayTake(name: string): void {
    const { holding } = this;
    for (let i = 0; i < holding.length; i++) this.locks.add(holding[i]!, name, holding);
  }

  /** The running thread has a lock; its list of locks, from which the name goes when it lets go. */
  took(name: string): string[] {
    this.holding.push(name);
    return this.holding;
  }

  /** Starts a thread; it first runs when somebody runs or steps the scheduler. */
  spawn<T>(name: string, task: Task<T>): Thread<T> {
    const slot = new Slot(name, task);
    this.slots.push(slot);
    return slot as unknown as Thread<T>;
  }

  /** As {@link spawn}, but the thread runs at once, up to its first sleep point: what it begins with has happened. */
  start<T>(name: string, task: Task<T>): Thread<T> {
    const thread = this.spawn(name, task);
    this.advance(thread as unknown as Slot);
    return thread;
  }

  /** Calls `fn` once after `delay` virtual nanoseconds. */
  after(delay: number, name: string, fn: () => void): void {
    this.spawn(name, sleepThen(delay, fn));
  }

  /** Runs `task` to its end and returns its result; others run while it sleeps. {@link HANG} when it can never end. */
  run<T>(task: Task<T>): T | typeof HANG {
    const outer = this.holding;
    // A call inside a call is a thread of its own.
    if (outer.length > 0) this.holding = [];
    let first = task.next('woken');
    // Alone on the machine, a call that waits for time only lets it pass.
    while (!first.done && typeof first.value === 'number' && this.slots.length === 0) {
      this.now += first.value;
      first = task.next('woken');
    }
    if (first.done) {
      this.holding = outer;
      return first.value;
    }
    const thread = this.spawn('call', task) as unknown as Slot;
    thread.holding = this.holding;
    this.holding = outer === thread.holding ? [] : outer;
    this.park(thread, first.value);
    while (!thread.done) if (!this.step()) return HANG;
    return thread.result as T;
  }

  /** Runs one thread up to its next sleep point, letting time pass if all are asleep. False: nothing can run. */
  step(): boolean {
    let slot = this.slots.find(isRunnable);
    if (slot === undefined) {
      if (!this.tick()) return false;
      slot = this.slots.find(isRunnable)!;
    }
    if (this.choose !== FIFO) {
      const runnable = this.slots.filter(isRunnable);
      slot = runnable[this.choose(runnable)]!;
    }
    this.advance(slot);
    return true;
  }

  private advance(slot: Slot): void {
    const outer = this.holding;
    this.holding = slot.holding;
    // A call made by this very thread must not find it in the run queue.
    slot.state = 'running';
    const { done, value } = slot.task.next(slot.wake);
    this.holding = outer;
    if (done) {
      slot.done = true;
      slot.state = 'done';
      slot.result = value;
      this.remove(slot);
    } else this.park(slot, value as Wait);
  }

  /** Runs everything that can run, timers included, until the machine is at rest; `budget` bounds the steps. */
  settle(budget = BUDGET): void {
    while (budget-- > 0) if (!this.step()) return;
    throw new HangError(RESTLESS);
  }

  /** Runs everything that can run now: no time passes. */
  drain(budget = BUDGET): void {
    while (this.slots.some(isRunnable)) {
      if (budget-- === 0) throw new HangError(RESTLESS);
      this.step();
    }
  }

  /** Threads that have not ended, in the order they were started. */
  get threads(): readonly Thread[] {
    return this.slots;
  }

  private park(slot: Slot, wait: Wait): void {
    slot.wake = 'woken';
    if (typeof wait === 'number') {
      slot.state = wait > 0 ? 'sleeping' : 'runnable';
      slot.wakeAt = this.now + wait;
      // The run queue is first in, first out: who gives up the processor goes to its end.
      this.remove(slot);
      this.slots.push(slot);
    } else {
      slot.state = 'waiting';
      slot.waiting = wait;
      wait.sleepers.push(slot);
    }
  }

  /** Moves up what follows: mostly nothing does, and splice makes an array each time. */
  private remove(slot: Slot): void {
    const { slots } = this;
    for (let at = slots.indexOf(slot) + 1; at < slots.length; at++) slots[at - 1] = slots[at]!;
    slots.pop();
  }

  /** Advances the clock to the next timer. */
  private tick(): boolean {
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.slots) if (slot.state === 'sleeping' && slot.wakeAt < next) next = slot.wakeAt;
    if (next === Number.POSITIVE_INFINITY) return false;
    this.now = next;
    for (const slot of this.slots) if (slot.state === 'sleeping' && slot.wakeAt <= next) slot.state = 'runnable';
    return true;
  }
}

function isRunnable(slot: Slot): boolean {
  return slot.state === 'runnable';
}

function* letOthersRun(): Task<void> {
  yield 0;
}

function* sleepThen(delay: number, fn: () => void): Task<void> {
  yield delay;
  fn();
}
