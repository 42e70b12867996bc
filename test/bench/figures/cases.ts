/** Two-run cases of a campaign, on one core. */
import { CASE_STEPS, generating } from '../../../src/lab/generate.ts';
import { OPERATIONS } from '../../../src/lab/operations/index.ts';
import { caseSeed, Random } from '../../../src/lab/random.ts';
import { runCase } from '../../../src/lab/run-case.ts';
import type { Step } from '../../../src/lab/scenario.ts';
import { PLAIN } from '../../../src/lab/setting.ts';
import { subjectNamed } from '../../../src/lab/subject.ts';
import { keptWorlds } from '../../../src/lab/worlds.ts';
import type { Figure } from '../figure.ts';

/** Keeps results alive, so that making them cannot be optimised away. */
export const kept: { steps: readonly Step[] } = { steps: [] };

/** As many steps as a case has, as objects from random numbers alone: no machine, no state to choose by, nothing run. */
function bareSteps(seed: number): Step[] {
  const random = new Random(seed);
  const steps: Step[] = [];
  for (let left = CASE_STEPS + random.below(CASE_STEPS + 1); left > 0; left--) {
    const who = random.below(100);
    const by = who < 78 ? 'A' : who < 96 ? 'B' : 'H';
    steps.push({
      by,
      op: random.pick(OPERATIONS).name,
      args: { a: random.bits(), b: random.below(4096), c: random.below(8) },
    });
  }
  return steps;
}

export function cases(): Figure {
  const worlds = keptWorlds(subjectNamed('mlx5')!);
  let number = 0;
  let bare = 0;
  return {
    name: 'cases of two runs (mlx5)',
    unit: 'cases/s',
    time: 6000,
    warmup: 6000,
    subject: {
      name: 'runCase',
      amount: 1,
      run() {
        const seed = caseSeed(1, number);
        const { violations } = runCase(
          worlds,
          { seed, twin: number % 2 === 0 ? 'integrity' : 'confidentiality', setting: PLAIN },
          generating(seed),
        );
        if (violations.length > 0) throw new Error(`case ${number}: ${violations[0]!.message}`);
        number++;
      },
    },
    baseline: {
      name: 'the bare generator',
      amount: 1,
      run() {
        kept.steps = bareSteps(caseSeed(1, bare++));
      },
    },
  };
}
