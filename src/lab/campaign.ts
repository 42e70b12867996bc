/** A campaign: cases one after another until the time, the number of cases or the first violation ends it. */
import { generating } from './generate.ts';
import { PROPERTIES } from './properties/index.ts';
import { caseSeed } from './random.ts';
import { legalArcs } from './reference/arcs.ts';
import { type CaseResult, runCase, type Subject } from './run-case.ts';
import type { Twin } from './scenario.ts';

/** How long, from where, and who wants to know. `now` is in milliseconds: the clock is the caller's. */
export interface CampaignOptions {
  readonly seed: number;
  readonly milliseconds: number;
  readonly cases: number;
  now(): number;
  progress?(so: CampaignCounts): void;
}

/** What has been done so far. */
export interface CampaignCounts {
  readonly cases: number;
  readonly steps: number;
  readonly errors: number;
  readonly arcs: number;
  readonly legalArcs: number;
  readonly milliseconds: number;
}

/** How a campaign ended. */
export interface CampaignResult {
  readonly counts: CampaignCounts;
  /** Cases in which each property was checked. */
  readonly checked: ReadonlyMap<string, number>;
  readonly failure: CaseResult | undefined;
  /** An exception: a fault of the emulator, with the case it happened in. */
  readonly fault: { readonly error: unknown; readonly caseNumber: number } | undefined;
}

/** Every other case asks for integrity, every other for confidentiality. */
const twinOf = (index: number): Twin => (index % 2 === 0 ? 'integrity' : 'confidentiality');

/** Runs cases until the first violation or fault, or until time or number run out. The seed reproduces it. */
export function runCampaign(subject: Subject, options: CampaignOptions): CampaignResult {
  const start = options.now();
  const legal = legalArcs(subject.variant.declaration.migrationFlags).length;
  const arcs = new Set<number>();
  const counts = { cases: 0, steps: 0, errors: 0, arcs: 0, legalArcs: legal, milliseconds: 0 };
  const checked = new Map(PROPERTIES.map((property) => [property.name, 0]));
  let failure: CaseResult | undefined;
  let fault: CampaignResult['fault'];
  for (let index = 0; index < options.cases && failure === undefined; index++) {
    // The clock is looked at every few cases only.
    if ((index & 15) === 0) {
      counts.milliseconds = options.now() - start;
      if (counts.milliseconds >= options.milliseconds) break;
      options.progress?.(counts);
    }
    const seed = caseSeed(options.seed, index);
    try {
      const result = runCase(subject, seed, twinOf(index), generating(seed));
      counts.steps += result.calls;
      counts.errors += result.errors;
      for (const arc of result.arcs) arcs.add(arc);
      if (result.violations.length > 0) failure = result;
    } catch (error) {
      fault = { error, caseNumber: index };
      break;
    }
    counts.cases++;
    counts.arcs = arcs.size;
    for (const property of PROPERTIES)
      if (property.twin === undefined || property.twin === twinOf(index))
        checked.set(property.name, checked.get(property.name)! + 1);
  }
  counts.milliseconds = options.now() - start;
  return { counts, checked, failure, fault };
}
