/**
 * What a host driver may sleep on: tasks, wait queues, sleeping locks, completions and deferred work. Drivers import
 * these from here and so need to know nothing of the machine that runs them.
 */
import type { Task, Thread } from '../../sim/scheduler.ts';
import { WaitQueue } from '../../sim/scheduler.ts';

export { Mutex } from '../../sim/mutex.ts';
export type { Task, Wait, Wake } from '../../sim/scheduler.ts';
export { WaitQueue } from '../../sim/scheduler.ts';

/** Starts threads; a PCI device's `scheduler` is one. */
export interface Spawner {
  spawn<T>(name: string, task: Task<T>): Thread<T>;
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

/** A work item (struct work_struct): queued again only after it began to run. */
export class Work {
  private readonly name: string;
  private readonly spawner: Spawner;
  private readonly body: () => Task<void>;
  private readonly idle: WaitQueue;
  private queued = 0;
  private running = 0;
  constructor(name: string, spawner: Spawner, body: () => Task<void>) {
    this.name = name;
    this.spawner = spawner;
    this.body = body;
    this.idle = new WaitQueue(`${name} idle`);
  }
  get pending(): boolean {
    return this.queued > 0 || this.running > 0;
  }
  /** queue_work: false if it is already waiting to run. */
  queue(): boolean {
    if (this.queued > 0) return false;
    this.queued = 1;
    this.spawner.spawn(this.name, this.run());
    return true;
  }
  /** flush_work: returns once nothing queued before is left to run. */
  *flush(): Task<void> {
    while (this.pending) yield this.idle;
  }
  private *run(): Task<void> {
    this.queued = 0;
    this.running++;
    yield* this.body();
    this.running--;
    if (!this.pending) this.idle.wake();
  }
}
