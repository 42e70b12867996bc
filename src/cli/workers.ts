/**
 * A campaign on several processes. Each runs the cases of its slice, and what a case does depends on the seed and its
 * number alone: whichever is faster, the same case is the first that fails.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CampaignCounts, CampaignOptions, CampaignResult } from '../lab/campaign.ts';
import { partOf, type Slice, WHOLE } from '../lab/segments.ts';
import { joined } from '../lab/share.ts';
import type { Subject } from '../lab/subject.ts';
import { closeLowestCase, newLowestCase, writeLowestCase } from './lowest-case.ts';

/** What a worker is to do. */
export interface Task {
  readonly variant: string;
  readonly seed: number;
  readonly cases: number;
  /** Milliseconds since 1970 at which it ends. */
  readonly deadline: number;
  readonly slice: Slice;
}

/** What a worker says. */
export type Message =
  | { readonly kind: 'progress'; readonly counts: CampaignCounts }
  | { readonly kind: 'result'; readonly result: CampaignResult };

/** The descriptor at which a worker finds the lowest case: behind standard input, output, errors and messages. */
export const LOWEST_CASE_FD = 4;

/** Beside this file, and with the same ending: in the sources, or built. */
const PROGRAM = fileURLToPath(new URL(`./campaign-worker${extname(import.meta.url)}`, import.meta.url));
/**
 * How the runtime of a worker is set up, which can be said of a process only. Of what a case leaves behind almost
 * nothing lives: a collector that comes four times less often does a quarter of the work.
 */
const FLAGS = ['--max-semi-space-size=64'];
/** And it has no threads of its own where every core has a worker already. */
const FLAGS_BESIDE_OTHERS = [...FLAGS, '--single-threaded-gc'];

/** Like {@link runCampaign}, on `workers` processes. */
export async function runWorkers(
  { variant }: Subject,
  workers: number,
  options: Omit<CampaignOptions, 'limit'>,
): Promise<CampaignResult> {
  const start = options.now();
  const { seed, cases, milliseconds, slice = WHOLE } = options;
  const deadline = performance.timeOrigin + performance.now() + milliseconds;
  const sofar = new Map<number, CampaignCounts>();
  const lowest = new Lowest();
  const runs = Array.from({ length: workers }, async (_, number) => {
    const task = { variant: variant.name, seed, cases, deadline, slice: partOf(slice, number, workers) };
    const flags = workers === 1 ? FLAGS : FLAGS_BESIDE_OTHERS;
    const result = await runWorker(task, flags, lowest.fd, (counts) => {
      sofar.set(number, counts);
      options.progress?.({ ...added([...sofar.values()]), milliseconds: options.now() - start });
    });
    // What comes behind the case that ended the campaign there is of no interest to anybody.
    lowest.lowerTo(endOf(result));
    return result;
  });
  const results = await Promise.all(runs)
    .catch(async (error: unknown) => {
      // Without the cases of that worker there is no result: the others need not go on.
      lowest.lowerTo(0);
      await Promise.allSettled(runs);
      throw error;
    })
    .finally(() => lowest.close());
  const share = joined(results);
  return {
    ...share,
    counts: { ...share.counts, milliseconds: options.now() - start },
    ...firstEnd(results),
  };
}

/** The lowest case that ended a part so far. */
class Lowest {
  readonly fd = newLowestCase();
  private number = Number.POSITIVE_INFINITY;

  lowerTo(number: number): void {
    if (number >= this.number) return;
    this.number = number;
    writeLowestCase(this.fd, number);
  }

  close(): void {
    closeLowestCase(this.fd);
  }
}

/** The case that ended a part. */
const endOf = ({ failureCase, fault }: CampaignResult): number =>
  failureCase ?? fault?.caseNumber ?? Number.POSITIVE_INFINITY;

/** What ended the campaign: the failure or the fault of the lowest case. */
function firstEnd(results: readonly CampaignResult[]): Pick<CampaignResult, 'failure' | 'failureCase' | 'fault'> {
  const { failure, failureCase, fault } = results.reduce((first, other) =>
    endOf(other) < endOf(first) ? other : first,
  );
  return { failure, failureCase, fault };
}

/** How a worker's campaign ended. One that dies rejects: without it nothing can be said of its cases. */
async function runWorker(
  task: Task,
  flags: readonly string[],
  lowest: number,
  progress: (counts: CampaignCounts) => void,
): Promise<CampaignResult> {
  const worker = fork(PROGRAM, {
    execArgv: [...process.execArgv, ...flags],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', lowest],
  });
  // However this program ends, its workers do not outlive it.
  const end = (): void => void worker.kill();
  process.once('exit', end);
  try {
    return await conversation(worker, task, progress);
  } finally {
    process.off('exit', end);
  }
}

function conversation(
  worker: ChildProcess,
  task: Task,
  progress: (counts: CampaignCounts) => void,
): Promise<CampaignResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: Message) => {
      if (message.kind === 'progress') progress(message.counts);
      else resolve(message.result);
    });
    worker.on('error', reject);
    worker.on('exit', (code, signal) =>
      reject(new Error(`a worker ended with ${code ?? signal} before its cases did`)),
    );
    worker.send(task);
  });
}

/** Enough for a line of progress: arcs of several workers are counted as those of the one that took most. */
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
