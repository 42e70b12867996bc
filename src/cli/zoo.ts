/** `vfiolab zoo`: plants known defects one at a time, and measures whether and how soon each is found. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import type { Subject } from '../lab/subject.ts';
import type { Defect, LeftOut } from '../lab/zoo/defect.ts';
import type { Entry, ZooReport } from '../lab/zoo/zoo.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { duration, wholeNumber } from './parse.ts';

/** What the command needs from its surroundings. */
export interface ZooDependencies {
  subject(name: string): Subject | undefined;
  /** The defects; they live beside the tests, and are not in a package from the registry. */
  defects(): Promise<{ readonly DEFECTS: readonly Defect[]; readonly LEFT_OUT: readonly LeftOut[] } | undefined>;
}

interface Options {
  readonly trials: number;
  readonly time: number;
  readonly seed?: number;
  readonly json?: boolean;
}

export function zooCommand(program: Command, deps: ZooDependencies): void {
  program
    .command('zoo')
    .description('plant known defects, one at a time, and measure how soon each is found')
    .argument('[id...]', 'only these defects, e.g. PCI-01')
    .option('--trials <n>', 'campaigns for each, with different seeds', wholeNumber(1), 3)
    .option('--time <duration>', 'how long a campaign looks, e.g. 60s', duration, 60_000)
    .option('--seed <n>', 'of the first campaign; 1 if not given', wholeNumber(0))
    .option('--json', 'print one JSON object')
    .action(async (ids: string[], options: Options) => {
      try {
        await zoo(deps, ids, options);
      } catch (error) {
        report(error);
      }
    });
}

async function zoo(deps: ZooDependencies, ids: readonly string[], options: Options): Promise<void> {
  const known = await deps.defects();
  if (known === undefined) throw new UsageError('The defects come with the source tree, which this is not.');
  const { DEFECTS, LEFT_OUT } = known;
  const unknown = ids.find((id) => ![...DEFECTS, ...LEFT_OUT].some((defect) => defect.id === id));
  if (unknown !== undefined) throw new UsageError(`There is no defect called ${unknown}.`);
  const chosen = <T extends { readonly id: string }>(list: readonly T[]): readonly T[] =>
    ids.length === 0 ? list : list.filter(({ id }) => ids.includes(id));
  const { runZoo } = await import('../lab/zoo/zoo.ts');
  const titles = new Map(DEFECTS.map(({ id, title }) => [id, title]));
  const result = runZoo(chosen(DEFECTS), chosen(LEFT_OUT), deps.subject, {
    seed: options.seed ?? 1,
    trials: options.trials,
    milliseconds: options.time,
    now: () => performance.now(),
    ...(options.json ? {} : { progress: (entry) => process.stdout.write(`${line(entry, titles.get(entry.id)!)}\n`) }),
  });
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else printSummary(result);
  process.exitCode = result.found === result.planted ? EXIT.HELD : EXIT.VIOLATED;
}

function line({ id, found, foundIn, trials, property, seconds, cases, calls, reason }: Entry, title: string): string {
  const verdict = found ? colours.green('found  ') : colours.red('missed ');
  const numbers =
    foundIn === 0
      ? ''
      : `${seconds!.toFixed(2).padStart(6)} s ${String(cases).padStart(6)} cases ${String(calls).padStart(2)} calls  ${property!.padEnd(25)}`;
  const often = foundIn === trials ? '' : ` (${foundIn} of ${trials} trials)`;
  return `${verdict} ${id.padEnd(9)} ${numbers} ${title}${often}${reason === undefined ? '' : `: ${reason}`}`;
}

function printSummary({ planted, found, medianSeconds, medianCalls, entries }: ZooReport): void {
  for (const { id, trials, reason } of entries)
    if (trials === 0) process.stdout.write(`-        ${id.padEnd(9)} ${reason}\n`);
  process.stdout.write(
    `${found} of ${planted} found; median ${medianSeconds?.toFixed(2) ?? '-'} s, ${medianCalls ?? '-'} calls\n`,
  );
}
