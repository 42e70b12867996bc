/** `vfiolab replay FILE`: runs a stored counterexample again. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import { load } from '../lab/counterexample.ts';
import { describeStep } from '../lab/describe-step.ts';
import { rerun } from '../lab/run-case.ts';
import type { Subject } from '../lab/subject.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { wholeNumber } from './parse.ts';

export function replayCommand(program: Command, deps: { subject(name: string): Subject | undefined }): void {
  program
    .command('replay')
    .description('run a stored counterexample again')
    .argument('<file>', 'a counterexample file that check wrote')
    .option('--seed <n>', 'overrides the seed of the file', wholeNumber(0))
    .option('--json', 'print one JSON object')
    .action((file: string, options: { seed?: number; json?: boolean }) => {
      try {
        replay(deps.subject, file, options);
      } catch (error) {
        report(error);
      }
    });
}

function replay(
  find: (name: string) => Subject | undefined,
  path: string,
  options: { seed?: number; json?: boolean },
): void {
  const file = load(path);
  const subject = find(file.variant);
  if (subject === undefined)
    throw new UsageError(`${path} is about a variant called ${file.variant}, which is not here.`);
  const { variant, twin, setting, steps, schedule } = file;
  const result = rerun(subject, { variant, seed: options.seed ?? file.seed, twin, setting, steps, schedule });
  const again = result.violations.find((violation) => violation.property === file.property);
  process.exitCode = again ? EXIT.VIOLATED : EXIT.HELD;
  if (options.json) {
    const verdict = again ? 'violated' : 'held';
    process.stdout.write(
      `${JSON.stringify({ file: path, property: file.property, verdict, message: again?.message })}\n`,
    );
    return;
  }
  steps.forEach((step, index) => {
    const mark = index === again?.at ? colours.red('>') : ' ';
    process.stdout.write(`${mark} ${String(index + 1).padStart(2)}  ${describeStep(step)}\n`);
  });
  process.stdout.write(
    again
      ? `${colours.red('violated')} ${file.property}: ${again.message}\n`
      : `${colours.green('held')} ${file.property}\n`,
  );
}
