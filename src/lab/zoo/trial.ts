/** One defect, planted; one campaign that looks for it; what it found, and in how many calls it can be shown. */
import { runCampaign } from '../campaign.ts';
import { shrink } from '../shrink.ts';
import type { Subject } from '../subject.ts';
import type { Defect } from './defect.ts';

/** How a trial ended. */
export interface Trial {
  readonly found: boolean;
  /** The property that failed; undefined: none. */
  readonly property: string | undefined;
  readonly seconds: number;
  readonly cases: number;
  /** Calls of the smallest counterexample. */
  readonly calls: number | undefined;
  /** The emulator failed: what it threw. */
  readonly fault: string | undefined;
}

/** How long a trial may take, and by which clock (milliseconds). */
export interface TrialOptions {
  readonly seed: number;
  readonly milliseconds: number;
  now(): number;
}

export function runTrial(defect: Defect, subject: Subject, options: TrialOptions): Trial {
  const undo = defect.plant();
  try {
    const start = options.now();
    const { counts, failure, fault } = runCampaign(subject, { ...options, cases: Number.POSITIVE_INFINITY });
    const seconds = (options.now() - start) / 1000;
    const { cases } = counts;
    if (failure === undefined)
      return {
        found: false,
        property: undefined,
        seconds,
        cases,
        calls: undefined,
        fault: fault && String(fault.error),
      };
    const { scenario, violations } = shrink(subject, failure);
    const property = violations[0]!.property;
    return { found: true, property, seconds, cases, calls: scenario.steps.length, fault: undefined };
  } finally {
    undo();
  }
}
