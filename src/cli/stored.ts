/** Counterexamples found before: a campaign runs them first. They are read, and never deleted, cut or written over. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { colours } from '../colours.ts';
import { CounterexampleError, type CounterexampleFile, load, scenarioOf } from '../lab/counterexample.ts';
import { messageOf } from '../lab/explain/message.ts';
import { type CaseResult, PATIENCE, rerun } from '../lab/run-case.ts';
import type { Subject } from '../lab/subject.ts';
import { commandLine } from './counterexample-file.ts';
import { stackOf } from './terminal.ts';

/** What became of one file. */
export interface Stored {
  readonly file: string;
  readonly verdict: 'violated' | 'held' | 'fault' | 'unreadable';
  /** The promise that is broken now, or was broken then. */
  readonly property?: string;
  readonly message?: string;
  readonly result?: CaseResult;
}

/** Runs every counterexample of the subject's variant in `folder`, by name. A folder that is not there holds none. */
export function replayStored(subject: Subject, folder: string): Stored[] {
  return filesIn(folder).flatMap((file) => {
    let stored: CounterexampleFile;
    try {
      stored = load(file);
    } catch (error) {
      if (!(error instanceof CounterexampleError)) throw error;
      return { file, verdict: 'unreadable' as const, message: error.message };
    }
    return stored.variant === subject.variant.name ? [outcome(subject, file, stored)] : [];
  });
}

function filesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
    return names.sort().map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function outcome(subject: Subject, file: string, stored: CounterexampleFile): Stored {
  const { property } = stored;
  try {
    const result = rerun(subject, scenarioOf(stored), undefined, PATIENCE);
    const again = result.violations.find((violation) => violation.property === property) ?? result.violations[0];
    if (again === undefined) return { file, property, verdict: 'held' };
    return {
      file,
      property: again.property,
      verdict: 'violated',
      message: again.message,
      result: { ...result, violations: [again] },
    };
  } catch (error) {
    return {
      file,
      property,
      verdict: 'fault',
      message: stackOf(error),
    };
  }
}

/** A line for each: on standard output what was learnt, on standard error what could not be. */
export function printStored(all: readonly Stored[], quiet: boolean): void {
  for (const { file, verdict, property, message } of all) {
    if (verdict === 'unreadable') process.stderr.write(`${message} It is left alone.\n`);
    else if (verdict === 'fault')
      process.stderr.write(`Fault of the emulator in stored counterexample ${file}: ${message}\n`);
    else if (!quiet && verdict === 'held')
      process.stdout.write(`stored counterexample ${file} holds now; it is kept\n`);
    else if (!quiet)
      process.stdout.write(
        `${colours.red('stored')} counterexample ${file} still fails: ${property}: ${messageOf({ message: message ?? '' })}\nShow: ${commandLine('show', file)}\n`,
      );
  }
}

/** The stored file in which the same calls break the same promise already; undefined: there is none. */
export function sameScenario(all: readonly Stored[], { scenario, violations }: CaseResult): string | undefined {
  const key = JSON.stringify([violations[0]!.property, scenario.setting, scenario.steps]);
  return all.find(({ property, result }) => {
    if (result === undefined) return false;
    return JSON.stringify([property, result.scenario.setting, result.scenario.steps]) === key;
  })?.file;
}
