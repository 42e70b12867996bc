/** A campaign: cases one after another until the time, the number of cases or the first violation ends it. */
import { HangError } from '../../sim/hang.ts';
import { generating } from './generate.ts';
import { Corpus, varying } from './guidance/corpus.ts';
import { Coverage } from './guidance/coverage.ts';
import { type CoverageReport, reportOf } from './guidance/report.ts';
import { caseSeed, Random } from './random.ts';
import { legalArcs } from './reference/arcs.ts';
import { type CaseResult, hung, looksAlike, type Recorded, recorded, rerun, runCase } from './run-case.ts';
import type { Scenario, Twin } from './scenario.ts';
import { nextIn, type Slice, segmentEnd, segmentOf, WHOLE } from './segments.ts';
import { PLAIN } from './setting.ts';
import { SettingPool } from './setting-pool.ts';
import type { Subject } from './subject.ts';
import { within } from './watchdog.ts';
import { keptWorlds, newWorlds, type Worlds } from './worlds.ts';

/** How long, from where, and who wants to know. `now` is in milliseconds: the clock is the caller's. */
export interface CampaignOptions {
  readonly seed: number;
  readonly milliseconds: number;
  readonly cases: number;
  now(): number;
  progress?(so: CampaignCounts): void;
  /** Which of the cases; all of them if it is not given. */
  readonly slice?: Slice;
  /** The number of a case from which on there is nothing to do any more; asked now and then. */
  limit?(): number;
}

/** What a set of cases did: the steps of the tenants, how many answered an error, and the arcs taken. */
export interface CaseCounts {
  readonly cases: number;
  readonly steps: number;
  /** System calls of the tenants in the base runs. */
  readonly calls: number;
  readonly errors: number;
  readonly arcs: number;
}

/** What has been done so far. */
export interface CampaignCounts extends CaseCounts {
  readonly legalArcs: number;
  readonly milliseconds: number;
}

/** How a campaign ended. */
export interface CampaignResult {
  readonly counts: CampaignCounts;
  readonly coverage: CoverageReport;
  readonly reached: Reached;
  readonly failure: CaseResult | undefined;
  /** The number of the case that failed. */
  readonly failureCase: number | undefined;
  /** An exception: a fault of the emulator, with the case it happened in. */
  readonly fault: { readonly error: unknown; readonly caseNumber: number } | undefined;
}

/** The arcs taken (from * 8 + to) and the keys of the coverage map: what the parts of a campaign add up. */
export interface Reached {
  readonly arcs: readonly number[];
  readonly met: readonly number[];
}

/**
 * Three cases in four ask for integrity, whose twin is short: tenant A's steps are left out. Most of what there is to find
 * shows in the base run already.
 */
export const twinOf = (index: number): Twin => (index % 4 === 3 ? 'confidentiality' : 'integrity');

/** Every so many cases one is run on new machines too: a machine that is brought back must answer like a new one. */
const AUDIT = 512;
/** Cases between two looks at the clock: few at first. */
const batchAt = (index: number): number => (index < 256 ? SMALL : 128);
const SMALL = 16;
/**
 * Milliseconds in which a small batch must end: many times what it takes, but for the first one, which boots machines.
 * What takes longer is looked at alone.
 */
const FIRST_PATIENCE = 250;

/** Runs cases until the first violation or fault, or until time or number run out. The seed reproduces it. */
export function runCampaign(subject: Subject, options: CampaignOptions): CampaignResult {
  const start = options.now();
  const run = new CampaignRun(subject, options.seed);
  const legal = legalArcs(subject.variant.declaration.migrationFlags).length;
  const so = (): CampaignCounts => ({ ...run.tally.counts, legalArcs: legal, milliseconds: options.now() - start });
  const result = (end: Pick<CampaignResult, 'failure' | 'fault'>): CampaignResult => ({
    counts: so(),
    coverage: run.report(),
    reached: { arcs: [...run.tally.arcs], met: run.coverage.distinct() },
    failureCase: end.failure && run.index,
    ...end,
  });
  const { cases, slice = WHOLE, limit = () => cases } = options;
  for (;;) {
    run.begin(nextIn(slice, run.index));
    const end = Math.min(cases, limit());
    if (run.index >= end || options.now() - start >= options.milliseconds) break;
    options.progress?.(so());
    try {
      const failure = run.batch(Math.min(end, run.index + batchAt(run.index), segmentEnd(run.index)));
      if (failure !== undefined) return result({ failure, fault: undefined });
    } catch (error) {
      return result({ failure: undefined, fault: { error, caseNumber: run.index } });
    }
  }
  return result({ failure: undefined, fault: undefined });
}

/** The cases of one campaign, one after another. */
class CampaignRun {
  index = 0;
  readonly tally = new Tally();
  private readonly subject: Subject;
  private readonly seed: number;
  private worlds: Worlds;
  private patience = FIRST_PATIENCE;
  private readonly settings: SettingPool;
  private segment = -1;
  readonly coverage = new Coverage();
  private corpus = new Corpus();

  constructor(subject: Subject, seed: number) {
    this.subject = subject;
    this.seed = seed;
    this.worlds = keptWorlds(subject);
    this.settings = new SettingPool(subject.factors, seed);
  }

  /** The next case is `index`. A segment begins without memories. */
  begin(index: number): void {
    this.index = index;
    const segment = segmentOf(index);
    if (segment === this.segment) return;
    this.segment = segment;
    this.corpus = new Corpus();
    this.coverage.begin();
  }

  /** Runs cases up to number `end`, or to the first that fails. */
  batch(end: number): CaseResult | undefined {
    let failure: CaseResult | undefined;
    let under: Recorded | undefined;
    try {
      const slow = this.index === 0 || end - this.index > SMALL;
      within(slow ? 2 * this.patience : this.patience, () => {
        while (this.index < end && failure === undefined) {
          under = this.nextCase();
          const result = runCase(this.worlds, under.frame, under.choices, this.coverage);
          if (result.violations.length > 0) failure = result;
          else if (this.index % AUDIT === 0) audit(this.subject, this.worlds, result.scenario);
          if (this.coverage.commit()) this.corpus.keep(result.scenario);
          this.tally.add(result);
          if (failure === undefined) this.index++;
        }
      });
    } catch (error) {
      if (!(error instanceof HangError) || under === undefined) throw error;
      return this.interrupted(hung(this.subject, under, error));
    }
    return failure && confirmed(this.subject, failure);
  }

  /**
   * A case seemed never to end. If it was only the computer that is slow, the case is run again, as if nothing had been:
   * what a campaign does must not depend on time. The machines it was interrupted in are lost.
   */
  private interrupted(seeming: CaseResult): CaseResult | undefined {
    const again = rerun(this.subject, seeming.scenario);
    if (again.violations.length > 0) return again;
    this.worlds = keptWorlds(this.subject);
    this.coverage.forget();
    this.patience *= 2;
    return undefined;
  }

  /** Follows from the seed, the number of the case and what the cases before it have met. */
  private nextCase(): Recorded {
    const { index } = this;
    const seed = caseSeed(this.seed, index);
    const drawn = this.settings.at(index);
    const model = seed % 4 === 0 ? this.corpus.pick(new Random(seed)) : undefined;
    const frame = { seed, twin: twinOf(index), setting: model?.setting ?? drawn };
    return recorded(frame, model === undefined ? generating(seed) : varying(seed, model));
  }

  report(): CoverageReport {
    const { variant } = this.subject;
    const { streamErrnos } = this.subject.profile(PLAIN);
    return reportOf(this.coverage, this.tally.arcs, variant.declaration.migrationFlags, streamErrnos);
  }
}

/** A violation counts when new machines show it. */
function confirmed(subject: Subject, result: CaseResult): CaseResult {
  const again = rerun(subject, result.scenario);
  if (again.violations.length > 0) return again;
  throw new Error(`only a machine that was used before shows: ${result.violations[0]!.message}`);
}

function audit(subject: Subject, worlds: Worlds, scenario: Scenario): void {
  if (!looksAlike(worlds, newWorlds(subject), scenario))
    throw new Error('a machine that was brought back answers unlike a new one: some state is not kept in fields');
}

class Tally {
  private cases = 0;
  private steps = 0;
  private calls = 0;
  private errors = 0;
  readonly arcs = new Set<number>();

  add({ steps, calls, errors, arcs }: CaseResult): void {
    this.cases++;
    this.steps += steps;
    this.calls += calls;
    this.errors += errors;
    for (const arc of arcs) this.arcs.add(arc);
  }

  get counts(): CaseCounts {
    const { cases, steps, calls, errors, arcs } = this;
    return { cases, steps, calls, errors, arcs: arcs.size };
  }
}
