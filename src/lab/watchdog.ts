/**
 * A loop that never ends would take the lab with it. Work under the watchdog is interrupted, and the verdict is a hang.
 * The clock is only there to end what would not end by itself: it decides nothing about work that does.
 */
import { createContext, Script } from 'node:vm';
import { HangError } from '../../sim/hang.ts';

const room = createContext({ work: undefined as (() => void) | undefined });
const script = new Script('work()');

/** Runs `work` to its end, or throws {@link HangError} when it has taken so long. Not to be nested. */
export function within(milliseconds: number, work: () => void): void {
  room.work = work;
  try {
    script.runInContext(room, { timeout: milliseconds });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new HangError(`nothing came back for ${milliseconds} ms`);
  } finally {
    room.work = undefined;
  }
}

/** What this process has computed since then: on a computer that is busy otherwise, less than the time that has passed. */
export class Stopwatch {
  private readonly start = process.cpuUsage();

  /** Milliseconds. */
  get worked(): number {
    const { user, system } = process.cpuUsage(this.start);
    return (user + system) / 1000;
  }
}
