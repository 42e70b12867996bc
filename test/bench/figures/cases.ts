/** Two-run cases of a campaign, on one core. */

import { twinOf } from '../../../src/lab/campaign.ts';
import { CASE_CALLS, generating } from '../../../src/lab/generate.ts';
import { caseSeed } from '../../../src/lab/random.ts';
import { runBare, runCase } from '../../../src/lab/run-case.ts';
import type { Step } from '../../../src/lab/scenario.ts';
import { PLAIN } from '../../../src/lab/setting.ts';
import { subjectNamed } from '../../../src/lab/subject.ts';
import { keptWorlds } from '../../../src/lab/worlds.ts';
import type { Figure } from '../figure.ts';

/** Keeps results alive, so that making them cannot be optimised away. */
export const kept: { steps: readonly Step[] } = { steps: [] };

/** Cases as a campaign runs them, against the generator by itself: the same steps chosen and made, unchecked, no twin. */
export function cases(calls = CASE_CALLS, name = 'cases of two runs (mlx5)'): Figure {
  const worlds = keptWorlds(subjectNamed('mlx5')!);
  let number = 0;
  let bare = 0;
  return {
    name,
    unit: 'cases/s',
    time: 6000,
    warmup: 8000,
    subject: {
      name: 'runCase',
      amount: 1,
      run() {
        const seed = caseSeed(1, number);
        const { violations } = runCase(worlds, { seed, twin: twinOf(number), setting: PLAIN }, generating(seed, calls));
        if (violations.length > 0) throw new Error(`case ${number}: ${violations[0]!.message}`);
        number++;
      },
    },
    baseline: {
      name: 'the bare generator',
      amount: 1,
      run() {
        kept.steps = runBare(worlds, PLAIN, generating(caseSeed(1, bare++), calls));
      },
    },
  };
}

/** The same with about 30 system calls a case, where a campaign has half as many again: longer cases find more in the same time. */
export const shortCases = (): Figure => cases(SHORT, 'the same, of about 30 system calls');
const SHORT = 12;
