import { DONE, type Scheduler, type Task, WaitQueue } from './scheduler.ts';

/**
 * A sleeping lock. `yield* lock()` may sleep; `tryLock()` never does. Not recursive. `name` is its class: locks of the
 * same kind share it. With a scheduler, the order in which its threads take locks is watched.
 */
export class Mutex {
  private readonly queue: WaitQueue;
  private readonly scheduler: Scheduler | undefined;
  private held = false;
  /** Locks of the thread that holds this one. */
  private holder: string[] | undefined = undefined;

  constructor(name: string, scheduler?: Scheduler) {
    this.queue = new WaitQueue(name);
    this.scheduler = scheduler;
  }
  get locked(): boolean {
    return this.held;
  }
  lock(): Task<void> {
    this.scheduler?.mayTake(this.queue.name);
    if (this.held || this.scheduler?.preemptive === true) return this.sleep();
    this.take();
    return DONE;
  }
  tryLock(): boolean {
    if (this.held) return false;
    this.take();
    return true;
  }
  unlock(): void {
    this.held = false;
    const { holder } = this;
    if (holder !== undefined) {
      // Mostly the lock taken last goes first.
      if (holder.at(-1) === this.queue.name) holder.pop();
      else holder.splice(holder.lastIndexOf(this.queue.name), 1);
      this.holder = undefined;
    }
    this.queue.wake();
  }

  private *sleep(): Task<void> {
    if (!this.held) yield 0;
    while (this.held) yield this.queue;
    this.take();
  }

  private take(): void {
    this.held = true;
    this.holder = this.scheduler?.took(this.queue.name);
  }
}
