/** Makes a failing scenario small while the same property stays broken: fewer steps first, then plainer ones. */
import { type CaseResult, rerun } from './run-case.ts';
import type { Scenario, Step } from './scenario.ts';
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
  const property = failing.violations[0]!.property;
  let best = failing;
  let attempts = 0;
  const attempt = (scenario: Scenario): boolean => {
    if (attempts >= budget) return false;
    attempts++;
    const result = tryRun(subject, scenario);
    const violation = result?.violations.find((v) => v.property === property);
    if (result === undefined || violation === undefined) return false;
    best = { ...result, violations: [violation] };
    progress(best.scenario.steps.length, attempts);
    return true;
  };
  cutTail(best, attempt);
  for (let changed = true; changed && attempts < budget; ) {
    changed = dropSteps(() => best.scenario, attempt);
    changed = simplify(() => best.scenario, attempt) || changed;
  }
  return best;
}

/** Nothing after the step where it showed can matter. */
function cutTail(best: CaseResult, attempt: (scenario: Scenario) => boolean): void {
  const at = best.violations[0]!.at;
  if (at >= 0 && at + 1 < best.scenario.steps.length) attempt(keep(best.scenario, (_, index) => index <= at));
}

/** Removes runs of steps, long ones first. */
function dropSteps(current: () => Scenario, attempt: (scenario: Scenario) => boolean): boolean {
  let changed = false;
  for (let size = Math.max(1, current().steps.length >> 1); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let from = 0; from < current().steps.length; ) {
      if (attempt(keep(current(), (_, index) => index < from || index >= from + size))) changed = true;
      else from += size;
    }
  }
  return changed;
}

/** Makes calls wait for each other, gives threads no turns, and arguments smaller values. */
function simplify(current: () => Scenario, attempt: (scenario: Scenario) => boolean): boolean {
  let changed = false;
  for (let index = 0; index < current().steps.length; index++) {
    const step = current().steps[index]!;
    if (step.spawn)
      changed = attempt(replace(current(), index, { by: step.by, op: step.op, args: step.args })) || changed;
    for (const [name, value] of Object.entries(current().steps[index]!.args)) {
      for (const plainer of plainerThan(value)) {
        const now = current().steps[index]!;
        if (attempt(replace(current(), index, { ...now, args: { ...now.args, [name]: plainer } }))) {
          changed = true;
          break;
        }
      }
    }
  }
  return changed;
}

function plainerThan(value: number): number[] {
  if (value === 0) return [];
  return [...new Set([0, 1, value - (value % 4096), Math.floor(value / 2)])].filter((v) => v < value);
}

function keep(scenario: Scenario, wanted: (step: Step, index: number) => boolean): Scenario {
  return {
    ...scenario,
    steps: scenario.steps.filter(wanted),
    schedule: scenario.schedule.filter((_, index) => wanted(scenario.steps[index]!, index)),
  };
}

function replace(scenario: Scenario, index: number, step: Step): Scenario {
  return { ...scenario, steps: scenario.steps.with(index, step) };
}

/** A shrunk scenario that makes the emulator itself fail is no smaller counterexample. */
function tryRun(subject: Subject, scenario: Scenario): CaseResult | undefined {
  try {
    return rerun(subject, scenario);
  } catch {
    return undefined;
  }
}
