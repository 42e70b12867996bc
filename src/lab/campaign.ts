/** A campaign: cases one after another until the time, the number of cases or the first violation ends it. */
import { generating } from './generate.ts';
import { Corpus, varying } from './guidance/corpus.ts';
import { Coverage } from './guidance/coverage.ts';
import { type CoverageReport, reportOf } from './guidance/report.ts';
import { caseSeed, Random } from './random.ts';
import { legalArcs } from './reference/arcs.ts';
import { type CaseResult, looksAlike, rerun, runCase } from './run-case.ts';
import type { Scenario, Twin } from './scenario.ts';
import { PLAIN } from './setting.ts';
import { SettingPool } from './setting-pool.ts';
import type { Subject } from './subject.ts';
import { keptWorlds, newWorlds, type Worlds } from './worlds.ts';

/** How long, from where, and who wants to know. `now` is in milliseconds: the clock is the caller's. */
export interface CampaignOptions {
  readonly seed: number;
  readonly milliseconds: number;
  readonly cases: number;
  now(): number;
  progress?(so: CampaignCounts): void;
}

/** What a set of cases did: the calls of the tenants, how many answered an error, and the arcs taken. */
export interface CaseCounts {
  readonly cases: number;
  readonly steps: number;
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
  readonly failure: CaseResult | undefined;
  /** An exception: a fault of the emulator, with the case it happened in. */
  readonly fault: { readonly error: unknown; readonly caseNumber: number } | undefined;
}

/** Every other case asks for integrity, every other for confidentiality. */
const twinOf = (index: number): Twin => (index % 2 === 0 ? 'integrity' : 'confidentiality');

/** Every so many cases one is run on new machines too: a machine that is brought back must answer like a new one. */
const AUDIT = 512;

/** Runs cases until the first violation or fault, or until time or number run out. The seed reproduces it. */
export function runCampaign(subject: Subject, options: CampaignOptions): CampaignResult {
  const start = options.now();
  const worlds = keptWorlds(subject);
  const coverage = new Coverage();
  const corpus = new Corpus();
  const random = new Random(caseSeed(options.seed, 0xc02));
  const settings = new SettingPool(subject.factors, options.seed);
  const tally = new Tally();
  const legal = legalArcs(subject.variant.declaration.migrationFlags).length;
  const so = (): CampaignCounts => ({
    ...tally.counts,
    legalArcs: legal,
    milliseconds: options.now() - start,
  });
  let failure: CaseResult | undefined;
  let fault: CampaignResult['fault'];
  for (let index = 0; index < options.cases && failure === undefined; index++) {
    // The clock is looked at every few cases only.
    if ((index & 15) === 0) {
      if (options.now() - start >= options.milliseconds) break;
      options.progress?.(so());
    }
    const seed = caseSeed(options.seed, index);
    const twin = twinOf(index);
    try {
      const setting = settings.at(index);
      const found = coverage.size;
      const model = seed % 4 === 0 ? corpus.pick(random) : undefined;
      const frame = { seed, twin, setting: model?.setting ?? setting };
      const result = runCase(worlds, frame, model ? varying(seed, model) : generating(seed), coverage);
      if (coverage.size > found) corpus.keep(result.scenario);
      if (result.violations.length > 0) failure = confirmed(subject, result);
      else if (index % AUDIT === 0) audit(subject, worlds, result.scenario);
      tally.add(result);
    } catch (error) {
      fault = { error, caseNumber: index };
      break;
    }
  }
  const { streamErrnos } = subject.profile(PLAIN);
  const met = reportOf(coverage, tally.arcs, subject.variant.declaration.migrationFlags, streamErrnos);
  return { counts: so(), coverage: met, failure, fault };
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
  private errors = 0;
  readonly arcs = new Set<number>();

  add({ calls, errors, arcs }: CaseResult): void {
    this.cases++;
    this.steps += calls;
    this.errors += errors;
    for (const arc of arcs) this.arcs.add(arc);
  }

  get counts(): CaseCounts {
    const { cases, steps, errors, arcs } = this;
    return { cases, steps, errors, arcs: arcs.size };
  }
}
