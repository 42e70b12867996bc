/** A campaign: cases one after another until the time, the number of cases or the first violation ends it. */
import { generating } from './generate.ts';
import { PROPERTIES } from './properties/index.ts';
import { caseSeed } from './random.ts';
import { legalArcs } from './reference/arcs.ts';
import { type CaseResult, looksAlike, rerun, runCase } from './run-case.ts';
import type { Scenario, Twin } from './scenario.ts';
import { keptWorlds, newWorlds, type Subject, type Worlds } from './worlds.ts';

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
  /** The cases in which each property was checked. */
  readonly checked: ReadonlyMap<string, CaseCounts>;
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
  const tallies = { integrity: new Tally(), confidentiality: new Tally() };
  const legal = legalArcs(subject.variant.declaration.migrationFlags).length;
  const so = (): CampaignCounts => ({
    ...Tally.sum(Object.values(tallies)),
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
      const result = runCase(worlds, seed, twin, generating(seed));
      if (result.violations.length > 0) failure = confirmed(subject, result);
      else if (index % AUDIT === 0) audit(subject, worlds, result.scenario);
      tallies[twin].add(result);
    } catch (error) {
      fault = { error, caseNumber: index };
      break;
    }
  }
  const checked = new Map<string, CaseCounts>();
  for (const { name, twin } of PROPERTIES)
    checked.set(name, Tally.sum(twin === undefined ? Object.values(tallies) : [tallies[twin]]));
  return { counts: so(), checked, failure, fault };
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
  private readonly arcs = new Set<number>();

  add({ calls, errors, arcs }: CaseResult): void {
    this.cases++;
    this.steps += calls;
    this.errors += errors;
    for (const arc of arcs) this.arcs.add(arc);
  }

  static sum(tallies: readonly Tally[]): CaseCounts {
    const arcs = new Set<number>();
    const sum = { cases: 0, steps: 0, errors: 0 };
    for (const tally of tallies) {
      sum.cases += tally.cases;
      sum.steps += tally.steps;
      sum.errors += tally.errors;
      for (const arc of tally.arcs) arcs.add(arc);
    }
    return { ...sum, arcs: arcs.size };
  }
}
