/** `vfiolab check VARIANT`: a campaign of generated scenarios that tries to break the confinement properties. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import type { CampaignCounts, CampaignResult, CaseCounts } from '../lab/campaign.ts';
import { whyNot } from '../lab/offers.ts';
import { PROPERTIES } from '../lab/properties/index.ts';
import type { Subject } from '../lab/subject.ts';
import { coverageLines } from './coverage.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { type Found, printFound, refuseExisting, settleFailure, writeTest } from './found.ts';
import { duration, shard, wholeNumber } from './parse.ts';
import { partSection, type Shard } from './part.ts';
import { runSplit } from './split.ts';
import { printStored, replayStored, type Stored } from './stored.ts';

interface CheckOptions {
  readonly time: number;
  readonly cases?: number;
  readonly seed?: number;
  readonly json?: boolean;
  readonly out: string;
  readonly coverage?: boolean;
  readonly emitTest?: string;
  readonly workers: number;
  readonly shard?: Shard;
}

/** What the command needs from its surroundings. */
export interface CheckDependencies {
  subject(name: string): Subject | undefined;
  readonly variants: readonly string[];
}

export function checkCommand(program: Command, deps: CheckDependencies): void {
  program
    .command('check')
    .description('try to make user data escape from a variant driver')
    .argument('<variant>', 'the variant driver, e.g. mlx5')
    .option('--time <duration>', 'how long, e.g. 30s', duration, 10_000)
    .option('--cases <n>', 'end after this many cases (without --time: however long they take)', wholeNumber(1))
    .option('--seed <n>', 'reproduces the campaign; chosen and printed if not given', wholeNumber(0))
    .option('--out <folder>', 'where counterexamples are: those there run first, a new one is added', 'counterexamples')
    .option('--coverage', 'also print what was met: states, arcs, errnos')
    .option('--emit-test <file>', 'write a violation as a vitest file too')
    .option('--workers <n>', 'run on so many processes', wholeNumber(1), 1)
    .option('--shard <i/n>', 'run part i of n of the campaign; merge joins what they print with --json', shard)
    .option('--json', 'print one JSON object')
    .action(async (variant: string, options: CheckOptions, command: Command) => {
      try {
        const timed = command.getOptionValueSource('time') !== 'default' || options.cases === undefined;
        await check(deps, variant, options, timed ? options.time : Number.POSITIVE_INFINITY);
      } catch (error) {
        report(error);
      }
    });
}

async function check(
  deps: CheckDependencies,
  name: string,
  options: CheckOptions,
  milliseconds: number,
): Promise<void> {
  const subject = deps.subject(name);
  if (subject === undefined)
    throw new UsageError(`There is no variant called ${name}; there is ${deps.variants.join(', ')}.`);
  refuseExisting(options.emitTest);
  if (options.shard !== undefined && options.seed === undefined)
    throw new UsageError('--shard needs --seed: the parts of a campaign all have the same one.');
  const stored = replayStored(subject, options.out);
  printStored(stored, options.json === true);
  const seed = options.seed ?? Date.now() % 0x7fff_ffff;
  const live = process.stdout.isTTY === true && !options.json;
  const result = await runSplit(subject, options, {
    seed,
    milliseconds,
    cases: options.cases ?? Number.POSITIVE_INFINITY,
    now: () => performance.now(),
    ...(live ? { progress: liveLine(name) } : options.json ? {} : { progress: plainLines(name) }),
  });
  if (live) process.stdout.write('\r\x1b[K');
  const found =
    result.failure === undefined ? undefined : await settleFailure(subject, result.failure, options.out, stored, live);
  const { shard } = options;
  const part = shard && { part: partSection(shard, options.cases, result, found?.smallest, subject) };
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...jsonOf(subject, seed, result, found, stored), ...part })}\n`);
  else printResult(subject, seed, result, found, stored);
  if (options.coverage && !options.json) process.stdout.write(`${coverageLines(result.coverage).join('\n')}\n`);
  const broken = found?.smallest ?? stored.find(({ result }) => result !== undefined)?.result;
  if (found && !options.json) await printFound(subject, found);
  if (broken && options.emitTest !== undefined) await writeTest(options.emitTest, broken, options.json === true);
  const fault = result.fault !== undefined || stored.some(({ verdict }) => verdict === 'fault');
  process.exitCode = fault ? EXIT.FAULT : broken ? EXIT.VIOLATED : EXIT.HELD;
}

/** One line that is rewritten, four times a second at most. */
function liveLine(name: string): (so: CampaignCounts) => void {
  return every(250, (so) => process.stdout.write(`\r\x1b[K${progressLine(name, so)}`));
}

/** Into a file or a pipe: a line every ten seconds. */
function plainLines(name: string): (so: CampaignCounts) => void {
  return every(10_000, (so) => process.stdout.write(`${progressLine(name, so)}\n`));
}

function every(milliseconds: number, show: (so: CampaignCounts) => void): (so: CampaignCounts) => void {
  let last = 0;
  return (so) => {
    if (so.milliseconds - last < milliseconds) return;
    last = so.milliseconds;
    show(so);
  };
}

function progressLine(name: string, so: CampaignCounts): string {
  const rate = Math.round((so.cases / so.milliseconds) * 1000);
  return `${name}: ${so.cases} cases, ${rate}/s, ${so.steps} steps, arcs ${so.arcs} of ${so.legalArcs}`;
}

function verdictOf(
  property: string,
  result: CampaignResult,
  found: Found | undefined,
  stored: readonly Stored[],
): 'held' | 'violated' | 'fault' {
  if (found !== undefined && found.smallest.violations[0]!.property === property) return 'violated';
  if (failing(stored, property)) return 'violated';
  return result.fault ? 'fault' : 'held';
}

/** The stored counterexample that still breaks a promise. */
const failing = (stored: readonly Stored[], property: string): Stored | undefined =>
  stored.find((one) => one.verdict === 'violated' && one.property === property);

function jsonOf(
  subject: Subject,
  seed: number,
  result: CampaignResult,
  found: Found | undefined,
  stored: readonly Stored[],
): object {
  const { counts } = result;
  const seconds = counts.milliseconds / 1000;
  return {
    variant: subject.variant.name,
    seed,
    seconds: round(seconds),
    cases: counts.cases,
    casesPerSecond: Math.round(counts.cases / seconds),
    steps: counts.steps,
    calls: counts.calls,
    errorShare: round(counts.steps ? counts.errors / counts.steps : 0),
    arcs: { covered: counts.arcs, legal: counts.legalArcs },
    properties: PROPERTIES.map(({ name, needs }) => {
      const reason = whyNot(subject, needs);
      if (reason !== undefined) return { name, verdict: 'does not apply', reason };
      const verdict = verdictOf(name, result, found, stored);
      const { cases } = counts;
      if (verdict !== 'violated') return { name, verdict, cases };
      const isNew = found !== undefined && found.smallest.violations[0]!.property === name;
      return { name, verdict, cases, counterexample: isNew ? found.path : failing(stored, name)?.file };
    }),
    coverage: result.coverage,
    ...(stored.length > 0 ? { stored: stored.map(({ result: _, ...one }) => one) } : {}),
    ...(result.fault ? { fault: String(result.fault.error) } : {}),
  };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

function printResult(
  subject: Subject,
  seed: number,
  result: CampaignResult,
  found: Found | undefined,
  stored: readonly Stored[],
): void {
  const { counts } = result;
  const { name } = subject.variant;
  for (const { name: property, needs } of PROPERTIES) {
    const reason = whyNot(subject, needs);
    if (reason !== undefined) {
      process.stdout.write(`-        ${property.padEnd(26)} does not apply: ${reason}\n`);
      continue;
    }
    const verdict = verdictOf(property, result, found, stored);
    const colour = verdict === 'held' ? colours.green : colours.red;
    process.stdout.write(
      `${colour(verdict.padEnd(8))} ${property.padEnd(26)} ${String(counts.cases).padStart(8)} cases\n`,
    );
  }
  const rate = Math.round((counts.cases / counts.milliseconds) * 1000);
  process.stdout.write(
    `${name}: ${counts.cases} cases in ${(counts.milliseconds / 1000).toFixed(1)} s (${rate}/s), ${counts.steps} steps, ${counts.calls} calls, ${share(counts)} errors, arcs ${counts.arcs} of ${counts.legalArcs}, seed ${seed}\n`,
  );
  if (result.fault) {
    const { error, caseNumber } = result.fault;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`Fault of the emulator in case ${caseNumber}: ${text}\n`);
  }
}

/** The share of steps that were answered with an error. */
function share({ errors, steps }: CaseCounts): string {
  return `${steps ? Math.round((100 * errors) / steps) : 0} %`;
}
