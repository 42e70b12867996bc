/** The suite as tests of a runner, one for each property: vitest's functions fit, those of others do too. */
import { whyNot } from '../lab/offers.ts';
import { PROPERTIES } from '../lab/properties/index.ts';
import type { Subject } from '../lab/subject.ts';
import { type CheckOptions, type CheckReport, checkVariant } from './check-variant.ts';
import { ViolationError } from './violation.ts';

/** What is needed of a test runner: `import { describe, test } from 'vitest'`, or from `node:test`. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => void, timeout?: number): unknown;
}

/** Milliseconds that a test may take beyond the time of the campaign: shrinking, and a machine that is busy. */
const PATIENCE = 60_000;

/**
 * Registers one test for each property that applies to the subject. One campaign serves all of them; it ends at the first
 * violation, which fails the test of its property. A fault of the emulator fails every test.
 */
export function describeVariant(runner: Runner, subject: Subject, options: CheckOptions = {}): void {
  const { describe, test } = runner;
  const outcome = once(() => checkVariant(subject, options));
  describe(`${subject.variant.name} keeps its tenants apart`, () => {
    for (const { name, needs } of PROPERTIES) {
      if (whyNot(subject, needs) !== undefined) continue;
      test(
        name,
        () => {
          const error = outcome();
          if (error !== undefined && (!(error instanceof ViolationError) || error.property === name)) throw error;
        },
        (options.milliseconds ?? 0) + PATIENCE,
      );
    }
  });
}

/** Runs the campaign when it is first asked for; what it threw. */
function once(run: () => CheckReport): () => unknown {
  let done = false;
  let thrown: unknown;
  return () => {
    if (!done) {
      done = true;
      try {
        run();
      } catch (error) {
        thrown = error;
      }
    }
    return thrown;
  };
}
