/** A process of `check --workers`: runs its slice of the campaign, and says how far it is, and how it ended. */
import { type CampaignResult, runCampaign } from '../lab/campaign.ts';
import { subjectNamed } from '../lab/subject.ts';
import { readLowestCase } from './lowest-case.ts';
import { LOWEST_CASE_FD, type Message, type Task } from './workers.ts';

/** A clock that means the same in every process. */
const now = (): number => performance.timeOrigin + performance.now();

/** An error as it can be sent: what a campaign throws may be anything. */
function sendable({ fault, ...result }: CampaignResult): CampaignResult {
  if (fault === undefined) return { ...result, fault };
  const { error, caseNumber } = fault;
  return { ...result, fault: { error: error instanceof Error ? error : new Error(String(error)), caseNumber } };
}

function run({ variant, seed, cases, deadline, slice }: Task): CampaignResult {
  const parent = process.ppid;
  let told = now();
  return runCampaign(subjectNamed(variant)!, {
    seed,
    cases,
    milliseconds: deadline - now(),
    now,
    slice,
    limit() {
      // Nobody waits for the result any more.
      if (process.ppid !== parent) process.exit(1);
      return readLowestCase(LOWEST_CASE_FD);
    },
    progress(counts) {
      if (now() - told < 100) return;
      told = now();
      const message: Message = { kind: 'progress', counts };
      process.send!(message);
    },
  });
}

process.once('message', (task: Task) => {
  const message: Message = { kind: 'result', result: sendable(run(task)) };
  process.send!(message, () => process.disconnect());
});
