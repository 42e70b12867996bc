/** Makes a failing scenario small while the same property stays broken: fewer steps first, then plainer ones. */
import { type CaseResult, rerun } from './run-case.ts';
import type { Scenario, Step } from './scenario.ts';
import { PASSES } from './shrink-passes.ts';
import type { Subject } from './subject.ts';

/** Called for each attempt that became the new best, with the steps left. */
export type Progress = (steps: number, attempts: number) => void;

/** The smallest scenario found that still breaks `property`; at most `budget` runs. */
export function shrink(
  subject: Subject,
  failing: CaseResult,
  progress: Progress = () => {},
  budget = 2000,
): CaseResult {
  const search = new Search(subject, failing, progress, budget);
  search.cutTail();
  for (let changed = true; changed; ) changed = PASSES.filter((pass) => pass(search, subject)).length > 0;
  return search.best === failing ? failing : (search.confirmed() ?? failing);
}

/** Milliseconds for one attempt: where a call never returns most attempts take as long as this. */
const ATTEMPT_TIME = 300;

/** The best so far, and how to find a better one. */
export class Search {
  best: CaseResult;
  private readonly subject: Subject;
  private readonly property: string;
  private readonly progress: Progress;
  private readonly budget: number;
  private readonly tried = new Set<string>();
  private attempts = 0;

  constructor(subject: Subject, failing: CaseResult, progress: Progress, budget: number) {
    this.subject = subject;
    this.best = failing;
    this.property = failing.violations[0]!.property;
    this.progress = progress;
    this.budget = budget;
  }

  get scenario(): Scenario {
    return this.best.scenario;
  }

  get steps(): readonly Step[] {
    return this.scenario.steps;
  }

  /** Takes a scenario for the best if the same promise breaks in it. */
  attempt(scenario: Scenario): boolean {
    const text = JSON.stringify(scenario);
    if (this.attempts >= this.budget || this.tried.has(text)) return false;
    this.tried.add(text);
    this.attempts++;
    const smaller = this.run(scenario, ATTEMPT_TIME);
    if (smaller === undefined) return false;
    this.best = smaller;
    this.progress(this.steps.length, this.attempts);
    return true;
  }

  /** The best once more, with patience: a busy computer must not have looked like a call that never returns. */
  confirmed(): CaseResult | undefined {
    return this.run(this.scenario);
  }

  /** Undefined: the promise holds, or the emulator itself fails, which makes no counterexample. */
  private run(scenario: Scenario, milliseconds?: number): CaseResult | undefined {
    try {
      const result = rerun(this.subject, scenario, undefined, milliseconds);
      const violation = result.violations.find(({ property }) => property === this.property);
      return violation && { ...result, violations: [violation] };
    } catch {
      return undefined;
    }
  }

  /** Tries without the steps that are not wanted. */
  keep(wanted: (step: Step, index: number) => boolean): boolean {
    const { steps, schedule } = this.scenario;
    if (steps.every(wanted)) return false;
    const kept = { steps: steps.filter(wanted), schedule: schedule.filter((_, i) => wanted(steps[i]!, i)) };
    return this.attempt({ ...this.scenario, ...kept });
  }

  /** Tries with another step in one place. */
  replace(index: number, step: Step): boolean {
    return this.attempt({ ...this.scenario, steps: this.steps.with(index, step) });
  }

  /** Nothing after the step where it showed can matter. */
  cutTail(): void {
    const { at } = this.best.violations[0]!;
    if (at >= 0) this.keep((_, index) => index <= at);
  }
}
