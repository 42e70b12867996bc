/** `vfiolab merge FILE...`: joins the parts of a campaign that was split by `check --shard`. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import { store } from '../lab/counterexample.ts';
import { describeStep } from '../lab/describe-step.ts';
import { joined, type Share } from '../lab/share.ts';
import { commandLine, saying } from './counterexample-file.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { wholeNumber } from './parse.ts';
import type { PartFailure } from './part.ts';
import { type PartFile, type PartReport, type PropertyLine, readParts, type StoredLine } from './parts.ts';

interface MergeOptions {
  readonly seed?: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function mergeCommand(program: Command): void {
  program
    .command('merge')
    .description('join the parts of a campaign that check --shard has split')
    .argument('<file...>', 'what check --shard i/n --json has printed, for all parts')
    .option('--out <folder>', 'write the counterexamples of the parts there')
    .option('--seed <n>', 'refuse parts of another seed', wholeNumber(0))
    .option('--json', 'print one JSON object')
    .action((files: string[], options: MergeOptions) => {
      try {
        merge(files, options);
      } catch (error) {
        report(error);
      }
    });
}

/** A failure of one part, and where its counterexample is. */
interface Failure extends PartFailure {
  readonly part: number;
  readonly path: string | undefined;
}

interface Fault {
  readonly part: number;
  readonly case: number;
  readonly error: string;
}

/** A campaign, whole again. Failures and faults are in the order of their cases. */
interface Merged {
  readonly variant: string;
  readonly seed: number;
  readonly parts: number;
  readonly share: Share;
  readonly properties: readonly PropertyLine[];
  readonly failures: readonly Failure[];
  readonly faults: readonly Fault[];
  /** What the parts ran first, and found broken or could not run. */
  readonly stored: readonly StoredLine[];
}

function merge(paths: readonly string[], options: MergeOptions): void {
  const files = readParts(paths);
  const { seed } = files[0]!.report;
  if (options.seed !== undefined && options.seed !== seed)
    throw new UsageError(`The parts are of a campaign with seed ${seed}, not ${options.seed}.`);
  const merged = join(files, options.out);
  if (options.json) process.stdout.write(`${JSON.stringify(jsonOf(merged))}\n`);
  else print(merged);
  process.exitCode = exitCodeOf(merged);
}

function exitCodeOf({ properties, faults, stored }: Merged): number {
  if (faults.length > 0 || stored.some(({ verdict }) => verdict === 'fault')) return EXIT.FAULT;
  return properties.some(({ verdict }) => verdict === 'violated') ? EXIT.VIOLATED : EXIT.HELD;
}

function join(files: readonly PartFile[], out: string | undefined): Merged {
  const reports = files.map((file) => file.report);
  const [{ variant, seed }] = reports as [PartReport];
  const failures = reports.flatMap(({ part: { number, failure } }) =>
    failure === undefined ? [] : [{ ...failure, part: number, path: out && keep(out, failure) }],
  );
  return {
    variant,
    seed,
    parts: reports.length,
    share: joined(reports.map(shareOf)),
    properties: joinProperties(reports, failures),
    failures: failures.sort((a, b) => a.case - b.case),
    faults: reports
      .flatMap(({ part: { number, fault } }) => (fault === undefined ? [] : [{ part: number, ...fault }]))
      .sort((a, b) => a.case - b.case),
    stored: [...new Map(reports.flatMap(brokenOf).map((line) => [line.file, line])).values()],
  };
}

const brokenOf = ({ stored = [] }: PartReport): StoredLine[] =>
  stored.filter(({ verdict }) => verdict === 'violated' || verdict === 'fault');

function shareOf({ cases, steps, calls, arcs, seconds, coverage, part }: PartReport): Share {
  const counts = { cases, steps, calls, errors: part.errors, arcs: arcs.covered, legalArcs: arcs.legal };
  return { counts: { ...counts, milliseconds: seconds * 1000 }, coverage, reached: part.reached };
}

/** Writes a counterexample; its path. */
function keep(folder: string, { scenario, violation, machine }: PartFailure): string {
  const result = { scenario, violations: [violation], steps: 0, calls: 0, errors: 0, discarded: 0, arcs: [] };
  return saying(folder, () => store(folder, result, machine));
}

/** The worst verdict of all parts counts: a violation somewhere is one, and where a part has none, there is none. */
function joinProperties(reports: readonly PartReport[], failures: readonly Failure[]): PropertyLine[] {
  return reports[0]!.properties.map(({ name, verdict, reason }) => {
    if (verdict === 'does not apply') return { name, verdict, ...(reason === undefined ? {} : { reason }) };
    const lines = reports.map(({ properties }) => properties.find((line) => line.name === name));
    const cases = lines.reduce((sum, line) => sum + (line?.cases ?? 0), 0);
    const worst = (['violated', 'fault'] as const).find((bad) => lines.some((line) => line?.verdict === bad));
    if (worst !== 'violated') return { name, verdict: worst ?? 'held', cases };
    const kept = failures.find(({ violation, path }) => violation.property === name && path !== undefined)?.path;
    const counterexample = kept ?? lines.find((line) => line?.counterexample !== undefined)?.counterexample;
    return { name, verdict: worst, cases, ...(counterexample === undefined ? {} : { counterexample }) };
  });
}

function jsonOf({ variant, seed, parts, share, properties, failures, faults, stored }: Merged): unknown {
  const { counts, coverage } = share;
  const seconds = counts.milliseconds / 1000;
  return {
    variant,
    seed,
    parts,
    seconds: round(seconds),
    cases: counts.cases,
    casesPerSecond: seconds > 0 ? Math.round(counts.cases / seconds) : 0,
    steps: counts.steps,
    calls: counts.calls,
    errorShare: round(counts.steps ? counts.errors / counts.steps : 0),
    arcs: { covered: counts.arcs, legal: counts.legalArcs },
    properties,
    coverage,
    failures: failures.map(({ part, case: number, violation, scenario, path }) => ({
      part,
      case: number,
      ...violation,
      ...(path === undefined ? {} : { counterexample: path }),
      scenario,
    })),
    ...(faults.length > 0 ? { faults } : {}),
    ...(stored.length > 0 ? { stored } : {}),
  };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

function print({ variant, seed, parts, share, properties, failures, faults, stored }: Merged): void {
  const { cases, steps, calls, arcs, legalArcs, milliseconds } = share.counts;
  for (const { name, verdict, cases, reason } of properties) {
    if (verdict === 'does not apply') {
      process.stdout.write(`-        ${name.padEnd(26)} does not apply: ${reason}\n`);
      continue;
    }
    const colour = verdict === 'held' ? colours.green : colours.red;
    process.stdout.write(`${colour(verdict.padEnd(8))} ${name.padEnd(26)} ${String(cases).padStart(8)} cases\n`);
  }
  process.stdout.write(
    `${variant}: ${cases} cases in ${parts} parts, ${(milliseconds / 1000).toFixed(1)} s of all together, ${steps} steps, ${calls} calls, arcs ${arcs} of ${legalArcs}, seed ${seed}\n`,
  );
  for (const { file, verdict, property, message } of stored)
    process.stdout.write(`${colours.red('stored')} counterexample ${file}, ${verdict}: ${property}: ${message}\n`);
  for (const failure of failures) printFailure(failure);
  for (const { part, case: number, error } of faults)
    process.stderr.write(`Fault of the emulator in part ${part}, case ${number}: ${error}\n`);
}

/** The calls, without running them again: what broke them may not be on this computer. */
function printFailure({ part, case: number, violation, scenario, path }: Failure): void {
  process.stdout.write(
    `\n${colours.red(violation.property)}: ${violation.message} (part ${part}, case ${number}, shrunk)\n`,
  );
  scenario.steps.forEach((step, index) => {
    const mark = index === violation.at ? colours.red('>') : ' ';
    process.stdout.write(`${mark} ${String(index + 1).padStart(2)}  ${describeStep(step)}\n`);
  });
  if (path !== undefined) process.stdout.write(`Show: ${commandLine('show', path)}\n`);
}
