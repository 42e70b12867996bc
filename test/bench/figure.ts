/** A measured figure beside its baseline, which is measured in the same run and in turns with it. */
import { Bench } from 'tinybench';

/** Work to be timed. `amount` is how much of the figure's unit one call does. */
export interface Work {
  readonly name: string;
  readonly amount: number;
  run(): void;
}

export interface Figure {
  readonly name: string;
  /** What is counted: values are `amount` a second, or the time that one takes. */
  readonly unit: string;
  readonly subject: Work;
  readonly baseline: Work;
  /** Milliseconds for each of the two; 400 if not given. */
  readonly time?: number;
  /** Milliseconds before that, in which the runtime compiles what is hot; an eighth of the time if not given. */
  readonly warmup?: number;
}

export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly baseline: { readonly name: string; readonly value: number };
  /** How many times the baseline's time the subject takes for the same amount. */
  readonly timesBaseline: number;
}

/**
 * Slices in which subject and baseline take turns, so that a busy moment of the machine hits both. The median slice
 * counts: what else runs on the machine comes in bursts.
 */
const TURNS = 12;

/** Units of time, as parts of a second. Other units are counted by the second. */
const PARTS: Readonly<Record<string, number>> = { ms: 1e3, µs: 1e6 };

export function measure({ name, unit, subject, baseline, time = 400, warmup = time / 8 }: Figure): Measured {
  const seconds = { subject: [] as number[], baseline: [] as number[] };
  for (let turn = 0; turn < TURNS; turn++) {
    const bench = new Bench({ time: time / TURNS, iterations: 1, warmup: turn === 0, warmupTime: warmup });
    bench.add('subject', () => subject.run()).add('baseline', () => baseline.run());
    bench.runSync();
    for (const which of ['subject', 'baseline'] as const) {
      const { result, runs } = bench.getTask(which)!;
      if (result.state === 'errored') throw result.error;
      if (result.state !== 'completed') throw new Error(`${name}: ${which} is ${result.state}`);
      seconds[which].push(result.totalTime / 1000 / runs);
    }
  }
  return resultOf(name, unit, median(seconds.subject) / subject.amount, {
    name: baseline.name,
    seconds: median(seconds.baseline) / baseline.amount,
  });
}

/** The value in the middle. */
export const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

/** From the seconds that one of the unit takes. */
export function resultOf(
  name: string,
  unit: string,
  seconds: number,
  baseline: { readonly name: string; readonly seconds: number },
): Measured {
  const parts = PARTS[unit];
  const value = (s: number): number => (parts === undefined ? 1 / s : s * parts);
  return {
    name,
    unit,
    value: value(seconds),
    baseline: { name: baseline.name, value: value(baseline.seconds) },
    timesBaseline: seconds / baseline.seconds,
  };
}
