/** Replays bytes that a fuzzing engine has found: a scenario in the corpus format. */
import { readFileSync } from 'node:fs';
import { colours } from '../colours.ts';
import { chosenVariant } from '../lab/corpus/chosen.ts';
import { decode } from '../lab/corpus/decode.ts';
import { type CaseResult, PATIENCE, rerun } from '../lab/run-case.ts';
import type { Subject } from '../lab/subject.ts';
import { type FindSubject, saying } from './counterexample-file.ts';
import { EXIT, UsageError } from './errors.ts';
import { printFound } from './found.ts';

interface Options {
  readonly variant?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Engines call their files what they like: with a variant, any file is one of bytes. */
export const isCorpusFile = (path: string, { variant }: Options): boolean =>
  variant !== undefined || path.endsWith('.bin');

export async function replayCorpusFile(
  find: FindSubject,
  path: string,
  { variant = chosenVariant(), out, json }: Options,
): Promise<void> {
  const subject = find(variant);
  if (subject === undefined) throw new UsageError(`There is no variant called ${variant} that ${path} could be for.`);
  const result = rerun(subject, decode(bytesOf(path), subject), undefined, PATIENCE);
  const violation = result.violations[0];
  process.exitCode = violation ? EXIT.VIOLATED : EXIT.HELD;
  const counterexample = violation && out !== undefined ? await keep(subject, result, out) : undefined;
  if (json) {
    const verdict = violation ? 'violated' : 'held';
    const { property, message } = violation ?? {};
    process.stdout.write(`${JSON.stringify({ file: path, variant, property, verdict, message, counterexample })}\n`);
    return;
  }
  if (violation === undefined) {
    process.stdout.write(`${colours.green('held')} ${result.scenario.steps.length} steps of ${variant}: ${path}\n`);
    return;
  }
  process.stdout.write(`${path}\n`);
  await printFound(subject, { smallest: { ...result, violations: [violation] }, path: counterexample });
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    throw new UsageError(`${path} cannot be read.`);
  }
}

async function keep(subject: Subject, result: CaseResult, folder: string): Promise<string> {
  const [{ shrink }, { store }] = await Promise.all([import('../lab/shrink.ts'), import('../lab/counterexample.ts')]);
  const smallest = shrink(subject, result);
  const { name } = subject.profile(smallest.scenario.setting).machine;
  return saying(folder, () => store(folder, smallest, name));
}
