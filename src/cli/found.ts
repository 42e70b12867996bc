/** A violation that a campaign found: shrunk, stored, explained, and made a test of. */
import { existsSync } from 'node:fs';
import type { CaseResult } from '../lab/run-case.ts';
import type { Subject } from '../lab/subject.ts';
import { commandLine, existing, writeFresh } from './counterexample-file.ts';
import { UsageError } from './errors.ts';
import { type Stored, sameScenario } from './stored.ts';
import { stackOf } from './terminal.ts';

/** A violation, shrunk; `path` is where it is stored, if it could be. */
export interface Found {
  readonly smallest: CaseResult;
  readonly path: string | undefined;
}

/** Shrinks it, and stores it unless it is stored already. */
export async function settleFailure(
  subject: Subject,
  failure: CaseResult,
  folder: string,
  stored: readonly Stored[],
  live: boolean,
): Promise<Found> {
  const [{ shrink }, { store }, { liveLine }] = await Promise.all([
    import('../lab/shrink.ts'),
    import('../lab/counterexample.ts'),
    import('./shrink.ts'),
  ]);
  const smallest = shrink(subject, failure, live ? liveLine() : undefined);
  if (live) process.stdout.write('\r\x1b[K');
  const known = sameScenario(stored, smallest);
  if (known !== undefined) return { smallest, path: known };
  try {
    return { smallest, path: store(folder, smallest, subject.profile(smallest.scenario.setting).machine.name) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    process.stderr.write(`${folder} cannot be written (${code}), so the counterexample is not kept.\n`);
    return { smallest, path: undefined };
  }
}

/** What happens, in lanes, and how to see it again. That it cannot be explained would be no reason to hide it. */
export async function printFound(subject: Subject, { smallest, path }: Found): Promise<void> {
  const [{ explain }, { draw }, { terminalCanvas }] = await Promise.all([
    import('../lab/explain/explain.ts'),
    import('../lab/explain/draw.ts'),
    import('./canvas.ts'),
  ]);
  const { scenario, violations } = smallest;
  const { property, message } = violations[0]!;
  try {
    process.stdout.write(`\n${draw(explain(subject, scenario, property), terminalCanvas())}`);
  } catch (error) {
    process.stdout.write(`\nviolated ${property}: ${message}\n`);
    process.stderr.write(`Fault of the emulator while this was explained: ${stackOf(error)}\n`);
  }
  if (path !== undefined) process.stdout.write(`\nReplay: ${commandLine('replay', path)}\n`);
}

/** A test that is there already is not written over, and that is said before the work begins. */
export function refuseExisting(path: string | undefined): void {
  if (path !== undefined && existsSync(path)) throw existing(path);
}

/** Writes the violation as a vitest file; if that fails it costs the test and not the verdict. */
export async function writeTest(path: string, { scenario, violations }: CaseResult, quiet: boolean): Promise<void> {
  const { testSource } = await import('../lab/explain/emit-test.ts');
  const { property, message } = violations[0]!;
  try {
    writeFresh(path, testSource(scenario, property, message));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return;
  }
  if (!quiet) process.stdout.write(`Test: ${path}\n`);
}
