/** A thread of `check --workers`: runs its slice of the campaign, and says how far it is, and how it ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { type CampaignResult, runCampaign } from '../lab/campaign.ts';
import { subjectNamed } from '../lab/subject.ts';
import type { Message, Task } from './workers.ts';

const { variant, seed, cases, deadline, slice, limit } = workerData as Task;
const lowest = new Int32Array(limit);

/** A clock that means the same in every thread. */
const now = (): number => performance.timeOrigin + performance.now();
const post = (message: Message): void => parentPort!.postMessage(message);

/** What comes behind the case that ended the campaign here is of no interest to anybody. */
function lowerTo(number: number): void {
  for (;;) {
    const was = Atomics.load(lowest, 0);
    if (was <= number || Atomics.compareExchange(lowest, 0, was, number) === was) return;
  }
}

/** An error as it can be sent: what a thread throws may be anything. */
function sendable({ fault, ...result }: CampaignResult): CampaignResult {
  if (fault === undefined) return { ...result, fault };
  const { error, caseNumber } = fault;
  return { ...result, fault: { error: error instanceof Error ? error : new Error(String(error)), caseNumber } };
}

let told = now();
const result = runCampaign(subjectNamed(variant)!, {
  seed,
  cases,
  milliseconds: deadline - now(),
  now,
  slice,
  limit: () => Atomics.load(lowest, 0),
  progress(counts) {
    if (now() - told < 100) return;
    told = now();
    post({ kind: 'progress', counts });
  },
});
const ended = result.failureCase ?? result.fault?.caseNumber;
if (ended !== undefined) lowerTo(ended);
post({ kind: 'result', result: sendable(result) });
