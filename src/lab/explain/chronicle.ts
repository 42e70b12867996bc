/**
 * The chronicle of one run: everything that happens, in order, each thing in its lane. A run that is to be explained has
 * one; a campaign has none and pays nothing. It listens where anybody can listen, and changes nothing.
 */
import type { Task } from '../../kernel/sleep.ts';
import type { ChronicleEvent, EventKind, Lane } from './event.ts';

/** Where an event stands, and how it reads. */
export interface Entry {
  readonly from: Lane;
  readonly to: Lane;
  readonly text: string;
  readonly sort?: string;
}

/** What the run knows of itself while it goes on. */
export interface Clock {
  readonly step: number;
}

/** So much is kept; a run that never ends must not fill the memory of who asks why. */
const LIMIT = 20_000;

export class Chronicle {
  readonly events: ChronicleEvent[] = [];
  /** Nothing is written down while this is above 0. */
  quiet = 1;
  private clock: Clock = { step: -1 };
  private calls = 0;

  /** The machine is ready: from now on things are written down. */
  start(clock: Clock): void {
    this.clock = clock;
    this.quiet = 0;
  }

  add(kind: EventKind, { from, to, text, sort = text }: Entry, call?: number): void {
    if (this.quiet > 0 || this.events.length >= LIMIT) return;
    const { step } = this.clock;
    this.events.push({ step, kind, from, to, text, sort, ...(call === undefined ? {} : { call }) });
  }

  /** Something that happens once. */
  note(entry: Entry): void {
    this.add('event', entry);
  }

  /** The device went from one migration state to another; arcs of one walk make one line. */
  arc(from: string, to: string): void {
    const last = this.events.at(-1);
    const goesOn = last?.sort === 'arc' && last.step === this.clock.step && last.text.endsWith(` ${from}`);
    const text = goesOn ? `${last.text} -> ${to}` : `state ${from} -> ${to}`;
    if (goesOn && this.quiet === 0) this.events.pop();
    this.note({ from: 'variant', to: 'variant', text, sort: 'arc' });
  }

  /** Runs `work` without writing anything down. */
  silently<T>(work: () => T): T {
    this.quiet++;
    try {
      return work();
    } finally {
      this.quiet--;
    }
  }

  /** A call and its answer, now or when it ends; a call that throws answers that it crashed. */
  around<R>(entry: Entry, call: () => R, answer: (result: Settled<R>) => string): R {
    if (this.quiet > 0) return call();
    const number = this.calls++;
    this.add('call', entry, number);
    const back = (text: string): void =>
      this.add(
        'answer',
        { from: entry.to, to: entry.from, text, sort: `answer of ${entry.sort ?? entry.text}` },
        number,
      );
    let result: R;
    try {
      result = call();
    } catch (error) {
      back(crash(error));
      throw error;
    }
    if (isTask(result)) return whenDone(result, (value) => back(answer(value as Settled<R>)), back) as R;
    back(answer(result as Settled<R>));
    return result;
  }
}

/** What a call that may be a task ends with. */
export type Settled<R> = R extends Task<infer V> ? V : R;

export function isTask(value: unknown): value is Task<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && 'throw' in value;
}

function* whenDone<V>(task: Task<V>, done: (value: V) => void, failed: (text: string) => void): Task<V> {
  let value: V;
  try {
    value = yield* task;
  } catch (error) {
    failed(crash(error));
    throw error;
  }
  done(value);
  return value;
}

const crash = (error: unknown): string => `crashes: ${error instanceof Error ? error.message : String(error)}`;
