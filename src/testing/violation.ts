/** How a check of a variant fails in a test: with what was broken, by which calls, and how to see it again. */
import { describeStep } from '../lab/describe-step.ts';
import { plainCanvas } from '../lab/explain/canvas.ts';
import { draw } from '../lab/explain/draw.ts';
import { explain } from '../lab/explain/explain.ts';
import type { CaseResult } from '../lab/run-case.ts';
import type { Scenario, Violation } from '../lab/scenario.ts';
import type { Subject } from '../lab/subject.ts';
import { within } from '../lab/watchdog.ts';

/** A property of the variant is violated. The message explains the smallest counterexample that was found. */
export class ViolationError extends Error {
  override readonly name = 'ViolationError';
  /** The property's name, e.g. `stream robustness`. */
  readonly property: string;
  /** The calls that show it; `rerun` and `replay` run them again. */
  readonly scenario: Scenario;
  readonly violation: Violation;

  constructor(subject: Subject, { scenario, violations }: CaseResult, hint: string) {
    const [violation] = violations as [Violation];
    super(explained(subject, scenario, violation, hint));
    this.property = violation.property;
    this.scenario = scenario;
    this.violation = violation;
  }
}

/** The emulator, a device model or a profile failed: nothing is said about the variant. `cause` is what was thrown. */
export class EmulatorFaultError extends Error {
  override readonly name = 'EmulatorFaultError';

  constructor(caseNumber: number, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`a fault of the emulator, a device model or a profile, in case ${caseNumber}: ${text}`, { cause });
  }
}

function explained(subject: Subject, scenario: Scenario, { property, message }: Violation, hint: string): string {
  const [format] = subject.variant.declaration.formats;
  const steps = scenario.steps.map((step) => describeStep(step, format));
  const calls = drawn(subject, scenario, property) ?? steps.join('\n');
  return `${scenario.variant} violates ${property}: ${message}\n\n${calls}\n\nAgain: ${hint}`;
}

/** Milliseconds for watching the scenario once more. */
const PATIENCE = 3000;

/** Undefined: it cannot be watched, as a call that never ends cannot, or a model that fails. */
function drawn(subject: Subject, scenario: Scenario, property: string): string | undefined {
  let text: string | undefined;
  try {
    within(PATIENCE, () => {
      text = draw(explain(subject, scenario, property), plainCanvas()).trimEnd();
    });
  } catch {
    return undefined;
  }
  return text;
}
