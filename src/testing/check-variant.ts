/** The suite of properties over a variant, for a test of any kind: it returns what was done, or throws what was found. */
import { type CampaignCounts, type CampaignResult, runCampaign } from '../lab/campaign.ts';
import { load, scenarioOf, store } from '../lab/counterexample.ts';
import { whyNot } from '../lab/offers.ts';
import { PROPERTIES } from '../lab/properties/index.ts';
import { type CaseResult, rerun } from '../lab/run-case.ts';
import { shrink } from '../lab/shrink.ts';
import type { Subject } from '../lab/subject.ts';
import { EmulatorFaultError, ViolationError } from './violation.ts';

/** How much is tried. The same seed and number of cases try the same. */
export interface CheckOptions {
  /** Cases at most; 1000, or as many as there is time for if a time is given. */
  readonly cases?: number;
  /** How long at most. */
  readonly milliseconds?: number;
  /** Which cases; 1 if not given. */
  readonly seed?: number;
  /** A folder for the counterexample, as `vfiolab check` writes it; nothing is written if not given. */
  readonly store?: string;
}

/** What became of one property. */
export interface PropertyReport {
  readonly name: string;
  readonly promise: string;
  readonly verdict: 'held' | 'does not apply';
  /** Why it does not apply. */
  readonly reason?: string;
}

/** What was done, and held. */
export interface CheckReport {
  readonly seed: number;
  readonly counts: CampaignCounts;
  readonly properties: readonly PropertyReport[];
}

const CASES = 1000;

/**
 * Runs generated scenarios of two tenants against the variant, each twice, and holds them against all properties.
 * Throws {@link ViolationError} with the smallest counterexample found, and {@link EmulatorFaultError} if it is not the
 * variant that failed. Synchronous; needs no test runner.
 */
export function checkVariant(subject: Subject, options: CheckOptions = {}): CheckReport {
  const { seed = 1, milliseconds } = options;
  const cases = options.cases ?? (milliseconds === undefined ? CASES : Number.POSITIVE_INFINITY);
  const result = runCampaign(subject, {
    seed,
    cases,
    milliseconds: milliseconds ?? Number.POSITIVE_INFINITY,
    now: () => performance.now(),
  });
  return reportOf(subject, result, { ...options, seed });
}

/** Runs a counterexample file again: returns if it holds now, throws {@link ViolationError} if it does not. */
export function replay(subject: Subject, path: string): void {
  const result = rerun(subject, scenarioOf(load(path)));
  if (result.violations.length > 0) throw new ViolationError(subject, result, hintOf(path));
}

function reportOf(subject: Subject, result: CampaignResult, options: CheckOptions & { seed: number }): CheckReport {
  const { counts, failure, fault } = result;
  if (fault !== undefined) throw new EmulatorFaultError(fault.caseNumber, fault.error);
  if (failure !== undefined) throw violationOf(subject, failure, counts, options);
  const properties = PROPERTIES.map(({ name, promise, needs }): PropertyReport => {
    const reason = whyNot(subject, needs);
    return reason === undefined
      ? { name, promise, verdict: 'held' }
      : { name, promise, verdict: 'does not apply', reason };
  });
  return { seed: options.seed, counts, properties };
}

function violationOf(
  subject: Subject,
  failure: CaseResult,
  { cases }: CampaignCounts,
  { seed, store: folder }: CheckOptions & { seed: number },
): ViolationError {
  const smallest = shrink(subject, failure);
  if (folder === undefined)
    return new ViolationError(subject, smallest, `checkVariant(subject, { seed: ${seed}, cases: ${cases + 1} })`);
  const path = store(folder, smallest, subject.profile(smallest.scenario.setting).machine.name);
  return new ViolationError(subject, smallest, hintOf(path));
}

const hintOf = (path: string): string => `replay(subject, ${JSON.stringify(path)})`;
