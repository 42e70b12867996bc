/** A campaign that is split is the same campaign. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CampaignResult, runCampaign } from '../../src/lab/campaign.ts';
import { LENGTH, nextIn, partOf, type Slice, segmentEnd, WHOLE } from '../../src/lab/segments.ts';
import { joined } from '../../src/lab/share.ts';
import { subjectNamed } from '../../src/lab/subject.ts';
import { DEFECTS } from '../defects/index.ts';

const run = (variant: string, cases: number, slice?: Slice): CampaignResult =>
  runCampaign(subjectNamed(variant)!, {
    seed: 21,
    cases,
    milliseconds: Number.POSITIVE_INFINITY,
    now: () => 0,
    ...(slice && { slice }),
  });

/** The cases of a slice below a number. */
function casesOf(slice: Slice, below: number): number[] {
  const cases: number[] = [];
  for (let index = nextIn(slice, 0); index < below; index = nextIn(slice, index + 1)) cases.push(index);
  return cases;
}

test('parts, and parts of parts, have every case once', () => {
  const few = fc.integer({ min: 1, max: 7 });
  fc.assert(
    fc.property(few, few, (parts, workers) => {
      const below = 12 * LENGTH + 5;
      const all = Array.from({ length: parts }, (_, part) => partOf(WHOLE, part, parts)).flatMap((slice) =>
        Array.from({ length: workers }, (_, worker) => casesOf(partOf(slice, worker, workers), below)),
      );
      expect(all.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: below }, (_, index) => index));
    }),
    { numRuns: 20, seed: 1 },
  );
});

test('cases that guide each other stay together', () => {
  const cases = new Set(casesOf(partOf(WHOLE, 1, 3), 9 * LENGTH));
  const torn = [...cases].filter((index) => !cases.has(index + 1) && index + 1 !== segmentEnd(index));
  expect(torn).toEqual([]);
});

describe('three parts of a campaign', () => {
  test.each(['sample', 'mlx5'])('of %s do together what the whole one does', (variant) => {
    const cases = 3 * LENGTH + 40;
    const whole = run(variant, cases);
    const parts = [0, 1, 2].map((part) => run(variant, cases, partOf(WHOLE, part, 3)));
    const { counts, coverage, reached } = joined(parts);
    expect(parts.map((part) => part.counts.cases)).toEqual([LENGTH + 40, LENGTH, LENGTH]);
    expect({ ...counts, milliseconds: 0 }).toEqual(whole.counts);
    expect(coverage).toEqual(whole.coverage);
    expect(reached.met).toEqual(whole.reached.met);
    expect(reached.arcs).toEqual([...whole.reached.arcs].sort((a, b) => a - b));
  });

  test('find the failure that the whole one finds, at the same case', () => {
    const undo = DEFECTS.find(({ id }) => id === 'MTTY-03')!.plant();
    try {
      const whole = run('mtty', 20_000);
      const parts = [0, 1].map((part) => run('mtty', 20_000, partOf(WHOLE, part, 2)));
      const [first] = parts.filter(({ failure }) => failure).sort((a, b) => a.failureCase! - b.failureCase!);
      expect(first!.failureCase).toBe(whole.failureCase);
      expect(first!.failure!.scenario).toEqual(whole.failure!.scenario);
    } finally {
      undo();
    }
  });
});
