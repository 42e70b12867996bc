/**
 * A campaign on several threads. Each runs the cases of its slice, and what a case does depends on the seed and its
 * number alone: whichever thread is faster, the same case is the first that fails.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CampaignCounts, CampaignOptions, CampaignResult } from '../lab/campaign.ts';
import { partOf, type Slice, WHOLE } from '../lab/segments.ts';
import { joined } from '../lab/share.ts';
import type { Subject } from '../lab/subject.ts';

/** What a thread is to do. */
export interface Task {
  readonly variant: string;
  readonly seed: number;
  readonly cases: number;
  /** Milliseconds since 1970 at which it ends. */
  readonly deadline: number;
  readonly slice: Slice;
  /** One 32-bit number that all share: the lowest case that failed so far. */
  readonly limit: SharedArrayBuffer;
}

/** What a thread says. */
export type Message =
  | { readonly kind: 'progress'; readonly counts: CampaignCounts }
  | { readonly kind: 'result'; readonly result: CampaignResult };

/** Beside this file, and with the same ending: in the sources, or built. */
const THREAD = new URL(`./campaign-worker${extname(import.meta.url)}`, import.meta.url);

/** Like {@link runCampaign}, on `workers` threads. */
export async function runWorkers(
  { variant }: Subject,
  workers: number,
  options: Omit<CampaignOptions, 'limit'>,
): Promise<CampaignResult> {
  const start = options.now();
  const limit = new SharedArrayBuffer(4);
  new Int32Array(limit)[0] = 0x7fff_ffff;
  const { seed, cases, milliseconds, slice = WHOLE } = options;
  const deadline = performance.timeOrigin + performance.now() + milliseconds;
  const sofar = new Map<number, CampaignCounts>();
  const runs = Array.from({ length: workers }, (_, number) => {
    const task = { variant: variant.name, seed, cases, deadline, slice: partOf(slice, number, workers), limit };
    return runThread(task, (counts) => {
      sofar.set(number, counts);
      options.progress?.({ ...added([...sofar.values()]), milliseconds: options.now() - start });
    });
  });
  const results = await Promise.all(runs).catch((error: unknown) => {
    // Without the cases of that thread there is no result: the others need not go on.
    Atomics.store(new Int32Array(limit), 0, 0);
    throw error;
  });
  const share = joined(results);
  return {
    ...share,
    counts: { ...share.counts, milliseconds: options.now() - start },
    ...firstEnd(results),
  };
}

/** What ended the campaign: the failure or the fault of the lowest case. */
function firstEnd(results: readonly CampaignResult[]): Pick<CampaignResult, 'failure' | 'failureCase' | 'fault'> {
  const at = ({ failureCase, fault }: CampaignResult): number =>
    failureCase ?? fault?.caseNumber ?? Number.POSITIVE_INFINITY;
  const { failure, failureCase, fault } = results.reduce((first, other) => (at(other) < at(first) ? other : first));
  return { failure, failureCase, fault };
}

/** How a thread's campaign ended. One that dies rejects: without it nothing can be said of its cases. */
function runThread(task: Task, progress: (counts: CampaignCounts) => void): Promise<CampaignResult> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(THREAD, { workerData: task });
    thread.on('message', (message: Message) => {
      if (message.kind === 'progress') progress(message.counts);
      else resolve(message.result);
    });
    thread.on('error', reject);
    thread.on('exit', (code) => reject(new Error(`a worker ended with ${code} before its cases did`)));
  });
}

/** Enough for a line of progress: arcs of several threads are counted as those of the one that took most. */
function added(all: readonly CampaignCounts[]): CampaignCounts {
  return all.reduce((sum, { cases, steps, calls, errors, arcs, legalArcs, milliseconds }) => ({
    cases: sum.cases + cases,
    steps: sum.steps + steps,
    calls: sum.calls + calls,
    errors: sum.errors + errors,
    arcs: Math.max(sum.arcs, arcs),
    legalArcs,
    milliseconds,
  }));
}
