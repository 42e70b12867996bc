/** `vfiolab replay FILE...`: runs stored counterexamples again, and says of each whether its promise is still broken. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import { PATIENCE, rerun } from '../lab/run-case.ts';
import { terminalCanvas } from './canvas.ts';
import { type FindSubject, loadFor } from './counterexample-file.ts';
import { EXIT, report } from './errors.ts';
import { wholeNumber } from './parse.ts';
import { isCorpusFile, replayCorpusFile } from './replay-corpus.ts';

interface ReplayOptions {
  readonly seed?: number;
  readonly variant?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function replayCommand(program: Command, deps: { readonly subject: FindSubject }): void {
  program
    .command('replay')
    .description('run stored counterexamples again')
    .argument('<file...>', 'counterexample files that check wrote, or (.bin) bytes for fuzz()')
    .option('--seed <n>', 'overrides the seed of the files', wholeNumber(0))
    .option('--variant <name>', 'the files hold bytes for fuzz(), whatever their names, and for this variant')
    .option('--out <folder>', 'where what bytes break is written as a counterexample, shrunk')
    .option('--json', 'print one JSON object a file')
    .action(async (files: string[], options: ReplayOptions) => {
      // The worst outcome counts: a file that is unusable says nothing about the others.
      let worst: number = EXIT.HELD;
      for (const file of files) {
        process.exitCode = EXIT.HELD;
        try {
          if (isCorpusFile(file, options)) await replayCorpusFile(deps.subject, file, options);
          else await replay(deps.subject, file, options);
        } catch (error) {
          report(error);
        }
        worst = Math.max(worst, process.exitCode as number);
      }
      process.exitCode = worst;
    });
}

async function replay(find: FindSubject, path: string, { seed, json }: ReplayOptions): Promise<void> {
  const { file, subject, scenario } = loadFor(find, path, seed);
  const { violations } = rerun(subject, scenario, undefined, PATIENCE);
  const again = violations.find(({ property }) => property === file.property) ?? violations[0];
  process.exitCode = again ? EXIT.VIOLATED : EXIT.HELD;
  const property = again?.property ?? file.property;
  if (json) {
    const verdict = again ? 'violated' : 'held';
    process.stdout.write(`${JSON.stringify({ file: path, property, verdict, message: again?.message })}\n`);
    return;
  }
  if (again === undefined) {
    process.stdout.write(`${colours.green('held')} ${property}: ${path}\n`);
    return;
  }
  const [{ explain }, { draw }] = await Promise.all([
    import('../lab/explain/explain.ts'),
    import('../lab/explain/draw.ts'),
  ]);
  process.stdout.write(`${path}\n\n${draw(explain(subject, scenario, property), terminalCanvas())}`);
}
