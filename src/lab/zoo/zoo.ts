/** Many trials of many defects, and what they say together. */
import type { Subject } from '../subject.ts';
import type { Defect, LeftOut } from './defect.ts';
import { runTrial, type Trial, type TrialOptions } from './trial.ts';

/** What became of one defect. Numbers are medians over the trials that found it. */
export interface Entry {
  readonly id: string;
  /** Found in every trial. */
  readonly found: boolean;
  readonly foundIn: number;
  readonly trials: number;
  readonly property: string | null;
  readonly seconds: number | null;
  readonly cases: number | null;
  readonly calls: number | null;
  readonly reason?: string;
}

/** What became of all of them. */
export interface ZooReport {
  readonly planted: number;
  readonly found: number;
  readonly medianSeconds: number | null;
  readonly medianCalls: number | null;
  readonly entries: readonly Entry[];
}

/** How often, how long, and who wants to know. */
export interface ZooOptions extends TrialOptions {
  readonly trials: number;
  progress?(entry: Entry): void;
}

export function runZoo(
  defects: readonly Defect[],
  leftOut: readonly LeftOut[],
  subject: (name: string) => Subject | undefined,
  options: ZooOptions,
): ZooReport {
  const entries = defects.map((defect) => {
    const entry = entryOf(defect, subject(defect.subject ?? 'mlx5'), options);
    options.progress?.(entry);
    return entry;
  });
  const known = entries.filter(({ found }) => found);
  const omitted = leftOut.map(
    ({ id, reason }): Entry => ({ id, found: false, foundIn: 0, trials: 0, ...NOTHING, reason }),
  );
  return {
    planted: entries.length,
    found: known.length,
    medianSeconds: median(known.map(({ seconds }) => seconds!)),
    medianCalls: median(known.map(({ calls }) => calls!)),
    entries: [...entries, ...omitted],
  };
}

const NOTHING = { property: null, seconds: null, cases: null, calls: null } as const;

function entryOf(defect: Defect, subject: Subject | undefined, options: ZooOptions): Entry {
  const { id } = defect;
  if (subject === undefined)
    return { id, found: false, foundIn: 0, trials: 0, ...NOTHING, reason: `there is no subject ${defect.subject}` };
  const trials: Trial[] = [];
  const { seed, milliseconds, now } = options;
  for (let number = 0; number < options.trials; number++)
    trials.push(runTrial(defect, subject, { seed: seed + number, milliseconds, now }));
  const finds = trials.filter(({ found }) => found);
  const properties = finds.map(({ property }) => property!);
  const fault = trials.find((trial) => trial.fault !== undefined)?.fault;
  return {
    id,
    found: finds.length === trials.length,
    foundIn: finds.length,
    trials: trials.length,
    property: mostFrequent(properties),
    seconds: median(finds.map(({ seconds }) => seconds)),
    cases: median(finds.map(({ cases }) => cases)),
    calls: median(finds.map(({ calls }) => calls!)),
    ...(fault === undefined ? {} : { reason: `a fault of the emulator: ${fault}` }),
  };
}

function mostFrequent(names: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** The middle one, of an even number the lower; null of none. */
function median(values: readonly number[]): number | null {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? null;
}
