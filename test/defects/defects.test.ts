/** The checks can fail: each planted defect is found, by a property that is about it, with a short counterexample. */
import { afterEach, describe, expect, it } from 'vitest';
import { runCampaign } from '../../src/lab/campaign.ts';
import { rerun } from '../../src/lab/run-case.ts';
import { shrink } from '../../src/lab/shrink.ts';
import { SUBJECTS, type Subject, subjectNamed } from '../../src/lab/subject.ts';
import { DEFECTS } from './index.ts';
import type { Undo } from './patch.ts';

const campaign = (subject: Subject, seed: number, cases: number) =>
  runCampaign(subject, { seed, cases, milliseconds: Number.POSITIVE_INFINITY, now: () => 0 });

let undo: Undo | undefined;
afterEach(() => {
  undo?.();
  undo = undefined;
});

describe('a planted defect is found and explained in a few calls', () => {
  const sizes: number[] = [];

  it.each(DEFECTS)('$id: $title', ({ plant, properties, ...defect }) => {
    const subject = subjectNamed(defect.subject ?? 'mlx5')!;
    undo = plant();
    const result = campaign(subject, 7, 20_000);
    expect(result.fault).toBeUndefined();
    expect(result.failure).toBeDefined();
    const smallest = shrink(subject, result.failure!);
    expect(properties).toContain(smallest.violations[0]!.property);
    expect(smallest.scenario.steps.length).toBeLessThanOrEqual(8);
    sizes.push(smallest.scenario.steps.length);
    const again = rerun(subject, smallest.scenario);
    expect(again.violations.map(({ property }) => property)).toContain(smallest.violations[0]!.property);
    undo();
    undo = undefined;
    expect(rerun(subject, smallest.scenario).violations).toEqual([]);
  });

  it('half of them in six calls at most', () => {
    sizes.sort((a, b) => a - b);
    expect(sizes[sizes.length >> 1] ?? 0).toBeLessThanOrEqual(6);
  });
});

describe('without a defect nothing is cried', () => {
  it.each(SUBJECTS)('$variant.name, clean, holds', (subject) => {
    const result = campaign(subject, 11, 1500);
    expect(result.fault).toBeUndefined();
    expect(result.failure?.violations).toBeUndefined();
  });
});
