/** What a fuzzing engine is told: an exception with the whole story, because the engine keeps nothing but its text. */
import { describeStep } from '../describe-step.ts';
import { PROPERTIES } from '../properties/index.ts';
import type { Scenario, Violation } from '../scenario.ts';
import { describeSetting } from '../setting.ts';
import type { Subject } from '../subject.ts';
import { encode } from './encode.ts';

/** A promise is broken: user data had an effect that it must not have. */
export class ConfinementViolation extends Error {
  override readonly name = 'ConfinementViolation';
  /** The property. */
  readonly property: string;
  readonly scenario: Scenario;
  /** The scenario in the corpus format; `vfiolab replay` runs a file of them. */
  readonly bytes: Buffer;

  constructor(subject: Subject, scenario: Scenario, violation: Violation) {
    const bytes = encode(scenario, subject);
    super(violationText(subject, scenario, violation, bytes));
    this.property = violation.property;
    this.scenario = scenario;
    this.bytes = bytes;
  }
}

/** The emulator itself failed: no verdict about the driver. `cause` is what it threw. */
export class EmulatorFault extends Error {
  override readonly name = 'EmulatorFault';
  readonly scenario: Scenario;
  /** The scenario in the corpus format; `vfiolab replay` runs a file of them. */
  readonly bytes: Buffer;

  constructor(subject: Subject, scenario: Scenario, cause: unknown) {
    const bytes = encode(scenario, subject);
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`the emulator failed: ${what}\n${replayText(subject, bytes)}`, { cause });
    this.scenario = scenario;
    this.bytes = bytes;
  }
}

function violationText(
  subject: Subject,
  scenario: Scenario,
  { property, message, at }: Violation,
  bytes: Buffer,
): string {
  const promise = PROPERTIES.find(({ name }) => name === property)?.promise;
  const setting = describeSetting(subject.factors, scenario.setting);
  const steps = scenario.steps.map(
    (step, index) => `${index === at ? '>' : ' '} ${String(index + 1).padStart(2)}  ${describeStep(step)}`,
  );
  return [
    `${property}: ${message}`,
    ...(promise === undefined ? [] : [`Promised: ${promise}`]),
    `Of ${subject.variant.name}, ${scenario.twin}${setting === '' ? '' : `, ${setting}`}:`,
    ...steps,
    replayText(subject, bytes),
  ].join('\n');
}

/** The bytes, and how to run them once more. */
function replayText({ variant }: Subject, bytes: Buffer): string {
  const text = bytes.toString('base64');
  return `Replay: echo ${text} | base64 -d > found.bin && npx vfiolab replay found.bin --variant ${variant.name}`;
}
