/** A step whose answer is not the recorded one: the call, what rules it, and both answers by name. */
import { answerRows, firstPosition } from './answer-rows.ts';
import { describeCall } from './describe-call.ts';
import type { FieldMask } from './not-compared.ts';
import type { Outcome, OutcomeField } from './outcome.ts';
import { type Rule, ruleOf } from './rules/index.ts';
import type { Context } from './run.ts';
import type { Step } from './step.ts';

/** One value that differs; undefined where one side has none. */
export interface FieldDifference {
  readonly name: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** A value in which both answers agree. */
export interface AgreedField {
  readonly name: string;
  readonly value: unknown;
}

/** A step that was answered differently. */
export interface Difference {
  /** Line of the script. */
  readonly n: number;
  readonly step: string;
  /** The call in words. */
  readonly call: string;
  /** What rules the answer; undefined for a step that asks the kernel for nothing. */
  readonly ruledBy?: Rule;
  /** The answers as recordings hold them. */
  readonly expected: Outcome;
  readonly actual: Outcome;
  readonly fields: readonly FieldDifference[];
  /** The named values beside those that differ. */
  readonly agreed: readonly AgreedField[];
}

/** Describes a difference in the fields that `compare` found; `config` is the function's configuration space. */
export function describeDifference(
  step: Step,
  context: Context,
  answers: { readonly expected: Outcome; readonly actual: Outcome },
  fields: readonly OutcomeField[],
  { masks, config }: { readonly masks: readonly FieldMask[]; readonly config: Uint8Array | undefined },
): Difference {
  const naming = { context, masks, config };
  const rows = answerRows(answers, fields, naming);
  const { offset } = context;
  const at = firstPosition(answers, fields, naming);
  // A transfer that crosses registers is under the rule of the one that differs.
  const where = at === undefined || offset === undefined ? context : { ...context, offset: offset + at };
  const rule = ruleOf(step, where, config);
  return {
    n: step.line,
    step: step.source,
    call: describeCall(step, context, config),
    ...(rule === undefined ? {} : { ruledBy: rule }),
    ...answers,
    fields: rows.filter(({ differs }) => differs).map(({ name, expected, actual }) => ({ name, expected, actual })),
    agreed: rows.filter(({ differs }) => !differs).map(({ name, expected }) => ({ name, value: expected })),
  };
}
