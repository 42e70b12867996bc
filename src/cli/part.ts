/** A part of a campaign, as `check --shard --json` writes it and `merge` reads it. */
import type { CampaignResult, Reached } from '../lab/campaign.ts';
import type { CaseResult } from '../lab/run-case.ts';
import type { Scenario, Violation } from '../lab/scenario.ts';
import type { Subject } from '../lab/subject.ts';
import { VERSION } from './version.ts';

/** Version of the form; parts of another one are refused. */
export const PART_FORMAT = 1;

/** Which of how many parts, counted from 1. */
export interface Shard {
  readonly number: number;
  readonly of: number;
}

/** A failure, complete: the file of the counterexample may be on another computer. */
export interface PartFailure {
  readonly case: number;
  readonly machine: string;
  readonly scenario: Scenario;
  readonly violation: Violation;
}

/** What a part says beside what every campaign says: enough to join it with the others. */
export interface PartSection extends Shard {
  readonly format: number;
  readonly program: string;
  /** Cases of the whole campaign; null: as many as the time allows. */
  readonly asked: number | null;
  readonly errors: number;
  readonly reached: Reached;
  readonly failure?: PartFailure;
  readonly fault?: { readonly case: number; readonly error: string };
}

/** The section of a part whose campaign ended so. `smallest` is its failure, shrunk. */
export function partSection(
  { number, of }: Shard,
  cases: number | undefined,
  { counts, reached, failureCase, fault }: CampaignResult,
  smallest: CaseResult | undefined,
  subject: Subject,
): PartSection {
  return {
    format: PART_FORMAT,
    program: VERSION,
    number,
    of,
    asked: cases ?? null,
    errors: counts.errors,
    reached,
    ...(smallest && {
      failure: {
        case: failureCase!,
        machine: subject.profile(smallest.scenario.setting).machine.name,
        scenario: smallest.scenario,
        violation: smallest.violations[0]!,
      },
    }),
    ...(fault && { fault: { case: fault.caseNumber, error: String(fault.error) } }),
  };
}
