/**
 * Time in a script. A call runs to its end on the virtual clock; one that does not end within 25 seconds is
 * interrupted, as the recorder's alarm did it.
 */
import type { Scheduler, Task } from '../../sim/scheduler.ts';
import type { Result } from '../kernel/file.ts';

/** Virtual nanoseconds after which a step is interrupted. */
export const STEP_LIMIT = 25e9;
/** Nanoseconds in a millisecond, the unit of scripts. */
export const MILLISECOND = 1e6;
/** Steps of the scheduler after which a call that never lets time pass counts as one that does not end. */
const STEP_BUDGET = 1_000_000;
/** What passes between two calls of a script: enough for every runnable thread to have run. */
const BETWEEN_CALLS = 1000;

/** How a call ended. `ret` is undefined when even the interrupt did not end it. */
export interface Ended {
  readonly ret: number | undefined;
  readonly timeout: boolean;
}

/** Runs a call to its end. */
export function finish(scheduler: Scheduler, call: Result): Ended {
  if (typeof call === 'number') return { ret: call, timeout: false };
  const thread = scheduler.spawn('call', call);
  const run = (until: number): void => {
    for (let budget = STEP_BUDGET; budget > 0 && !thread.done && scheduler.now <= until; budget--)
      if (!scheduler.step()) return;
  };
  run(scheduler.now + STEP_LIMIT);
  if (thread.done) return { ret: thread.result, timeout: false };
  thread.interrupt();
  run(scheduler.now + STEP_LIMIT);
  return { ret: thread.done ? thread.result : undefined, timeout: true };
}

/** Lets virtual time pass; whatever else can run meanwhile runs. */
export function pass(scheduler: Scheduler, nanoseconds: number): void {
  scheduler.run(sleep(nanoseconds));
}

/** Lets the other threads run as far as they get by themselves, as they would between two system calls. */
export function yieldToOthers(scheduler: Scheduler): void {
  if (scheduler.threads.length > 0) pass(scheduler, BETWEEN_CALLS);
}

/** Waits until `ready` answers true or the time is up; the last answer. */
export function waitFor(scheduler: Scheduler, nanoseconds: number, ready: () => boolean): boolean {
  if (ready()) return true;
  if (nanoseconds <= 0) return false;
  const timer = scheduler.spawn('timer', sleep(nanoseconds));
  while (!timer.done && scheduler.step()) {
    if (!ready()) continue;
    timer.interrupt();
    return true;
  }
  return ready();
}

function* sleep(nanoseconds: number): Task<void> {
  yield nanoseconds;
}
