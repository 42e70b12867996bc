/** What the commands about counterexamples have in common: the file, its subject, and the test that can be made of it. */
import { dirname, resolve } from 'node:path';
import { type CounterexampleFile, load, scenarioOf, writeNew } from '../lab/counterexample.ts';
import type { Scenario } from '../lab/scenario.ts';
import type { Subject } from '../lab/subject.ts';
import { UsageError } from './errors.ts';

/** Finds what a file is about; undefined: it is not here. */
export type FindSubject = (name: string) => Subject | undefined;

/** A file that was read, ready to be run. */
export interface Loaded {
  readonly path: string;
  readonly file: CounterexampleFile;
  readonly subject: Subject;
  readonly scenario: Scenario;
}

/** Reads a file; what cannot be used is one sentence. `seed` overrides that of the file. */
export function loadFor(find: FindSubject, path: string, seed?: number): Loaded {
  const file = load(path);
  const subject = find(file.variant);
  if (subject === undefined)
    throw new UsageError(`${path} is about a variant called ${file.variant}, which is not here.`);
  const scenario = scenarioOf(file);
  return { path, file, subject, scenario: seed === undefined ? scenario : { ...scenario, seed } };
}

/** Writes a file that must not exist yet; `what` names it in the sentence if it does, or cannot be written. */
export function writeFresh(path: string, text: string): void {
  saying(path, () => {
    if (!writeNew(path, text)) throw existing(path);
  });
}

/** Turns the errno of a write into a sentence. */
export function saying<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof UsageError) throw error;
    throw new UsageError(`${path} cannot be written (${code}).`);
  }
}

export const existing = (path: string): UsageError =>
  new UsageError(`${path} exists already, and nothing is written over; name another file.`);

/** How to run this program once more, by the way in which it was started. */
export function commandLine(command: string, path: string): string {
  const program = process.env['npm_lifecycle_event'] === 'lab' ? 'npm run lab --' : 'npx vfiolab';
  return `${program} ${command} ${/[^\w./-]/.test(path) ? `'${path.replaceAll("'", "'\\''")}'` : path}`;
}

/** The folder a file stands in. */
export const folderOf = (path: string): string => dirname(resolve(path));
