/** `vfiolab show FILE`: what happens in a stored counterexample, in lanes. It explains and does not judge. */
import type { Command } from 'commander';
import { colours } from '../colours.ts';
import { describeStep } from '../lab/describe-step.ts';
import { draw } from '../lab/explain/draw.ts';
import { testSource } from '../lab/explain/emit-test.ts';
import { type Explanation, explain } from '../lab/explain/explain.ts';
import { terminalCanvas } from './canvas.ts';
import { type FindSubject, loadFor, writeFresh } from './counterexample-file.ts';
import { report } from './errors.ts';
import { refuseExisting } from './found.ts';
import { wholeNumber } from './parse.ts';

interface ShowOptions {
  readonly seed?: number;
  readonly full?: boolean;
  readonly emitTest?: string;
  readonly json?: boolean;
}

export function showCommand(program: Command, deps: { readonly subject: FindSubject }): void {
  program
    .command('show')
    .description('explain a stored counterexample: who does what to whom, and what breaks')
    .argument('<file>', 'a counterexample file that check wrote')
    .option('--seed <n>', 'overrides the seed of the file', wholeNumber(0))
    .option('--full', 'leave no event out')
    .option('--emit-test <file>', 'write it as a vitest file')
    .option('--json', 'print one JSON object')
    .action((file: string, options: ShowOptions) => {
      try {
        show(deps.subject, file, options);
      } catch (error) {
        report(error);
      }
    });
}

function show(find: FindSubject, path: string, { seed, full, emitTest, json }: ShowOptions): void {
  const { file, subject, scenario } = loadFor(find, path, seed);
  refuseExisting(emitTest);
  const explanation = explain(subject, scenario, file.property);
  const { violation } = explanation;
  if (emitTest !== undefined)
    writeFresh(emitTest, testSource(scenario, file.property, violation?.message ?? file.message));
  if (json) {
    process.stdout.write(`${JSON.stringify(jsonOf(path, explanation))}\n`);
    return;
  }
  process.stdout.write(`${path}\n\n${draw(explanation, terminalCanvas(full))}`);
  if (violation === undefined)
    process.stdout.write(`\n${colours.green('Nothing breaks now.')} What was found then: ${file.message}\n`);
  if (emitTest !== undefined) process.stdout.write(`\nTest: ${emitTest}\n`);
}

function jsonOf(path: string, { scenario, setting, rule, violation, lanes, events, divergence }: Explanation): unknown {
  return {
    file: path,
    variant: scenario.variant,
    property: rule.name,
    promise: rule.promise,
    allows: rule.allows,
    verdict: violation === undefined ? 'held' : 'violated',
    ...(violation === undefined ? {} : { message: violation.message, step: violation.at }),
    setting,
    steps: scenario.steps.map((step) => describeStep(step)),
    lanes,
    events,
    ...(divergence === undefined ? {} : { divergence }),
  };
}
