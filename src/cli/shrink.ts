/** `vfiolab shrink FILE`: makes a stored counterexample smaller, in a new file. */
import type { Command } from 'commander';
import { store, storeAs } from '../lab/counterexample.ts';
import { draw } from '../lab/explain/draw.ts';
import { explain } from '../lab/explain/explain.ts';
import { type CaseResult, PATIENCE, rerun } from '../lab/run-case.ts';
import { shrink } from '../lab/shrink.ts';
import { terminalCanvas } from './canvas.ts';
import { commandLine, existing, type FindSubject, folderOf, loadFor, saying } from './counterexample-file.ts';
import { report, UsageError } from './errors.ts';
import { refuseExisting } from './found.ts';
import { wholeNumber } from './parse.ts';

interface ShrinkOptions {
  readonly out?: string;
  readonly runs: number;
  readonly json?: boolean;
}

export function shrinkCommand(program: Command, deps: { readonly subject: FindSubject }): void {
  program
    .command('shrink')
    .description('make a stored counterexample smaller, in a new file')
    .argument('<file>', 'a counterexample file that check wrote')
    .option('--out <file>', 'where the smaller one is written (default: beside the old one)')
    .option('--runs <n>', 'try at most this many smaller scenarios', wholeNumber(1), 20_000)
    .option('--json', 'print one JSON object')
    .action((file: string, options: ShrinkOptions) => {
      try {
        shrinkFile(deps.subject, file, options);
      } catch (error) {
        report(error);
      }
    });
}

function shrinkFile(find: FindSubject, path: string, { out, runs, json }: ShrinkOptions): void {
  const { file, subject, scenario } = loadFor(find, path);
  refuseExisting(out);
  const { violations, ...rest } = rerun(subject, scenario, undefined, PATIENCE);
  const violation = violations.find(({ property }) => property === file.property);
  if (violation === undefined)
    throw new UsageError(`${path} does not break ${file.property} here, so there is nothing to shrink.`);
  const failing: CaseResult = { ...rest, violations: [violation] };
  const live = process.stdout.isTTY === true && !json;
  const smallest = shrink(subject, failing, live ? liveLine() : undefined, runs);
  if (live) process.stdout.write('\r\x1b[K');
  const changed = JSON.stringify(smallest.scenario) !== JSON.stringify(scenario);
  const { name: machine } = subject.profile(smallest.scenario.setting).machine;
  const written = changed ? write(out ?? folderOf(path), out !== undefined, smallest, machine) : undefined;
  const [before, after] = [scenario.steps.length, smallest.scenario.steps.length];
  if (json) {
    process.stdout.write(`${JSON.stringify({ file: path, property: file.property, before, after, written })}\n`);
    return;
  }
  if (written === undefined) {
    process.stdout.write(`${path} is as small as it gets: ${after} steps.\n`);
    return;
  }
  process.stdout.write(`${draw(explain(subject, smallest.scenario, file.property), terminalCanvas())}\n`);
  process.stdout.write(`${before} steps became ${after}: ${written}\nReplay: ${commandLine('replay', written)}\n`);
}

function write(where: string, named: boolean, result: CaseResult, machine: string): string {
  return saying(where, () => {
    if (!named) return store(where, result, machine);
    if (!storeAs(where, result, machine)) throw existing(where);
    return where;
  });
}

/** One line that is rewritten for each smaller scenario. */
export function liveLine(): (steps: number, attempts: number) => void {
  return (steps, attempts) => process.stdout.write(`\r\x1b[Kshrinking: ${steps} steps after ${attempts} runs`);
}
