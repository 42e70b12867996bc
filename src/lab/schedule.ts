/**
 * Who runs while a call of tenant A is under way. Wherever a call may have to wait, another may go on; but a race needs
 * one or two switches at the right places and no others, so the one that runs goes on unless the order says otherwise.
 */
import { FIFO, type Scheduler, type Thread } from '../../sim/scheduler.ts';
import type { Random } from './random.ts';

/** An order that is drawn has this many digits to the base {@link DIGITS} at most, lowest first. 0 ends it: no switch any more. */
const SWITCHES = 3;
/** Digit n: after so many places at which others could have run, one of them does. */
const PLACES = [Number.POSITIVE_INFINITY, 0, 1, 2, 3, 4, 7, 12] as const;
export const DIGITS = PLACES.length;

/** One switch mostly, sometimes more. */
export function anyOrder(random: Random): number {
  const choice = random.below(4);
  return random.below(DIGITS ** (choice < 2 ? 1 : choice === 2 ? 2 : SWITCHES));
}

/** From here on the scheduler goes by `order`. */
export function ordered(scheduler: Scheduler, order: number): void {
  let left = order;
  const next = (): number => {
    const digit = left % DIGITS;
    left = digit === 0 ? 0 : Math.floor(left / DIGITS);
    return PLACES[digit]!;
  };
  let passed = next();
  let current: Thread | undefined;
  scheduler.preemptive = true;
  scheduler.choose = (runnable) => {
    let at = Math.max(0, current === undefined ? 0 : runnable.indexOf(current));
    if (runnable.length > 1 && passed-- === 0) {
      at = (at + 1) % runnable.length;
      passed = next();
    }
    current = runnable[at];
    return at;
  };
}

/** First come, first served again, and nobody is interrupted. */
export function unordered(scheduler: Scheduler): void {
  scheduler.preemptive = false;
  scheduler.choose = FIFO;
}
