/** A kernel consumer behind a user's eventfd (virqfd.c): the unmask eventfd, and ioeventfds. */
import type { Mutex } from '../../../sim/mutex.ts';
import { DONE, type Scheduler, type Task } from '../../../sim/scheduler.ts';
import { type EventFd, eventfdOf } from '../../kernel/eventfd.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';

/**
 * What a signal does: `handler` at once; if that returns true (or is absent), `thread` as deferred work. It may sleep on
 * one lock, and runs when that is free.
 */
export interface VirqfdWork {
  readonly handler?: () => boolean;
  readonly thread?: () => void;
  readonly lock?: Mutex | undefined;
}

export class Virqfd {
  private readonly work: VirqfdWork;
  private readonly scheduler: Scheduler;
  private readonly unhook: () => void;
  private dead = false;
  private queued = false;

  constructor(eventfd: EventFd, scheduler: Scheduler, work: VirqfdWork) {
    this.work = work;
    this.scheduler = scheduler;
    this.unhook = eventfd.listen((event) => {
      if (event === 'released') this.disable();
      else {
        // Signals that come together are one: the count is taken, and the work done once.
        eventfd.drain();
        this.run();
      }
    });
    // A count from before works once, and stays for the next reader.
    if (eventfd.count > 0n) this.run();
  }

  /** vfio_virqfd_disable: work that is queued is done before it returns (virqfd_shutdown: flush_work). */
  disable(): Task<void> {
    this.dead = true;
    this.unhook();
    if (this.queued && this.work.lock?.locked === true) return this.injection();
    this.inject();
    return DONE;
  }

  get isDead(): boolean {
    return this.dead;
  }

  private run(): void {
    const { handler, thread } = this.work;
    if ((handler === undefined || handler()) && thread !== undefined && !this.queued) this.queue();
  }

  private queue(): void {
    this.queued = true;
    this.scheduler.spawn('virqfd', this.injection());
  }

  private *injection(): Task<void> {
    yield 0;
    const { lock } = this.work;
    while (this.queued && lock?.locked === true) {
      yield* lock.lock();
      lock.unlock();
    }
    this.inject();
  }

  private inject(): void {
    if (!this.queued) return;
    this.queued = false;
    this.work.thread?.();
  }
}

/** vfio_virqfd_enable: ENOMEM, EBADF, EINVAL for a file that is no eventfd, then EBUSY if `present` is still in use. */
export function enableVirqfd(
  caller: Process,
  fd: number,
  scheduler: Scheduler,
  present: Virqfd | undefined,
  work: VirqfdWork,
): Virqfd | number {
  if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const eventfd = eventfdOf(caller, fd);
  if (typeof eventfd === 'number') return eventfd;
  if (present !== undefined && !present.isDead) return -ERRNO.EBUSY;
  return new Virqfd(eventfd, scheduler, work);
}
