/** `vfiolab safeguards VARIANT`: switches each declared check off in turn, and tells whether a property notices. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import type { SafeguardEntry, SafeguardReport, SafeguardVerdict } from '../lab/safeguards.ts';
import type { Subject } from '../lab/subject.ts';
import { allSafeguards } from '../variant/dossier.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { duration, wholeNumber } from './parse.ts';

/** What the command needs from its surroundings. */
export interface SafeguardsDependencies {
  subject(name: string): Subject | undefined;
  readonly variants: readonly string[];
}

interface Options {
  readonly trials: number;
  readonly time: number;
  readonly seed?: number;
  readonly json?: boolean;
}

export function safeguardsCommand(program: Command, deps: SafeguardsDependencies): void {
  program
    .command('safeguards')
    .description('switch each declared check of a variant driver off in turn, and see which property notices')
    .argument('<variant>', 'the variant driver, e.g. mlx5')
    .argument('[name...]', 'only these safeguards, e.g. KNOWN_TAG')
    .option('--trials <n>', 'campaigns for each, with different seeds', wholeNumber(1), 3)
    .option('--time <duration>', 'how long a campaign looks, e.g. 60s', duration, 30_000)
    .option('--seed <n>', 'of the first campaign; 1 if not given', wholeNumber(0))
    .option('--json', 'print one JSON object')
    .action(async (variant: string, names: string[], options: Options) => {
      try {
        await safeguards(deps, variant, names, options);
      } catch (error) {
        report(error);
      }
    });
}

async function safeguards(
  deps: SafeguardsDependencies,
  variant: string,
  only: readonly string[],
  options: Options,
): Promise<void> {
  const subject = deps.subject(variant);
  if (subject === undefined)
    throw new UsageError(`There is no variant called ${variant}; there is ${deps.variants.join(', ')}.`);
  const known = new Set(allSafeguards(subject.variant.declaration).map(({ name }) => name));
  const unknown = only.find((name) => !known.has(name));
  if (unknown !== undefined) throw new UsageError(`${variant} declares no safeguard called ${unknown}.`);
  const { runSafeguards } = await import('../lab/safeguards.ts');
  const result = runSafeguards(subject, {
    seed: options.seed ?? 1,
    trials: options.trials,
    milliseconds: options.time,
    now: () => performance.now(),
    only,
    ...(options.json ? {} : { progress: (entry) => process.stdout.write(lines(entry)) }),
  });
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : summary(result));
  const fault = result.entries.some(({ verdict }) => verdict === 'fault');
  process.exitCode = fault ? EXIT.FAULT : result.borne ? EXIT.HELD : EXIT.VIOLATED;
}

const COLOURS: Readonly<Record<SafeguardVerdict, (text: string) => string>> = {
  noticed: colours.green,
  redundant: colours.green,
  unexplained: colours.red,
  contradicted: colours.red,
  fault: colours.red,
};
const WIDEST = 'contradicted'.length;

function lines(entry: SafeguardEntry): string {
  const { name, checks, errno, stands, verdict, trials, noticedIn, property, seconds, calls, reason } = entry;
  const often = noticedIn === trials || noticedIn === 0 ? '' : ` (${noticedIn} of ${trials} trials)`;
  const found = property === null ? '' : `${seconds!.toFixed(1)} s, ${calls} calls: ${property}${often}`;
  const head = `${COLOURS[verdict](verdict.padEnd(WIDEST))} ${name.padEnd(24)} ${found}`.trimEnd();
  const indent = ' '.repeat(WIDEST + 1);
  const rows = [head, `${indent}${errno}: ${checks}`, `${indent}${stands.join(', ')}`];
  if (reason !== null) rows.push(`${indent}${verdict === 'fault' ? '' : 'because '}${reason}`);
  return `${rows.join('\n')}\n`;
}

function summary({ variant, seed, entries }: SafeguardReport): string {
  const count = (wanted: SafeguardVerdict): number => entries.filter(({ verdict }) => verdict === wanted).length;
  const others = (['redundant', 'unexplained', 'contradicted', 'fault'] as const).filter(
    (verdict) => count(verdict) > 0,
  );
  const rest = others.map((verdict) => `, ${count(verdict)} ${verdict}`).join('');
  return `${variant}: ${count('noticed')} of ${entries.length} safeguards noticed${rest}, seed ${seed}\n`;
}
