import { type Task, WaitQueue } from './scheduler.ts';

/** A sleeping lock. `yield* lock()` may sleep; `tryLock()` never does. Not recursive. */
export class Mutex {
  private readonly queue: WaitQueue;
  private held = false;
  constructor(name: string) {
    this.queue = new WaitQueue(name);
  }
  get locked(): boolean {
    return this.held;
  }
  *lock(): Task<void> {
    while (this.held) yield this.queue;
    this.held = true;
  }
  tryLock(): boolean {
    if (this.held) return false;
    this.held = true;
    return true;
  }
  unlock(): void {
    this.held = false;
    this.queue.wake();
  }
}
