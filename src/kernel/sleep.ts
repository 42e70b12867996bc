/**
 * What a host driver may sleep on: tasks, wait queues, sleeping locks and completions. Drivers import
 * these from here and so need to know nothing of the machine that runs them.
 */
import type { Task } from '../../sim/scheduler.ts';
import { WaitQueue } from '../../sim/scheduler.ts';

export { Mutex } from '../../sim/mutex.ts';
export type { Task, Wait, Wake } from '../../sim/scheduler.ts';
export { DONE, WaitQueue } from '../../sim/scheduler.ts';

/** A task that need not sleep: its result is there already. */
// biome-ignore lint/correctness/useYield: that is what it is for
export function* ended<T>(result: T): Task<T> {
  return result;
}

/** struct completion: `complete` lets one waiter pass, before or after it came. */
export class Completion {
  private done = 0;
  private readonly queue: WaitQueue;
  constructor(name: string) {
    this.queue = new WaitQueue(name);
  }
  /** Whether a waiter would pass at once. */
  get completed(): boolean {
    return this.done > 0;
  }
  complete(): void {
    this.done++;
    this.queue.wake();
  }
  /** wait_for_completion_interruptible: false if a signal came first, and then nothing was taken. */
  *wait(): Task<boolean> {
    while (this.done === 0) if ((yield this.queue) === 'interrupted' && this.done === 0) return false;
    this.done--;
    return true;
  }
  /** wait_for_completion: signals do not end the wait. */
  *waitUninterruptible(): Task<void> {
    while (this.done === 0) yield this.queue;
    this.done--;
  }
}
