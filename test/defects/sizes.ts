/**
 * How small counterexamples get: for each planted defect the steps before and after shrinking, and the median.
 * `npx tsx test/defects/sizes.ts 1,2,3` does it for several seeds.
 */
import { runCampaign } from '../../src/lab/campaign.ts';
import { shrink } from '../../src/lab/shrink.ts';
import { subjectNamed } from '../../src/lab/subject.ts';
import { DEFECTS } from './index.ts';

const seeds = (process.argv[2] ?? '7').split(',').map(Number);
const sizes: number[] = [];
for (const { id, plant, subject: name = 'mlx5' } of DEFECTS) {
  const subject = subjectNamed(name)!;
  const undo = plant();
  const row = seeds.map((seed) => {
    const options = { seed, cases: 20_000, milliseconds: Number.POSITIVE_INFINITY, now: () => 0 };
    const { failure } = runCampaign(subject, options);
    if (failure === undefined) return 'not found';
    const { scenario, violations } = shrink(subject, failure);
    sizes.push(scenario.steps.length);
    return `${failure.scenario.steps.length} -> ${scenario.steps.length} ${violations[0]!.property}`;
  });
  undo();
  process.stdout.write(`${id.padEnd(10)} ${row.join(', ')}\n`);
}
sizes.sort((a, b) => a - b);
process.stdout.write(`median ${sizes[sizes.length >> 1]}, largest ${sizes.at(-1)}, of ${sizes.length}\n`);
