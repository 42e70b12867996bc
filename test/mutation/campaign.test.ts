/** What mutants of the kernel's floors and of variants are held against besides the tests: a short campaign on each subject. */
import { expect, test } from 'vitest';
import { runCampaign } from '../../src/lab/campaign.ts';
import { SUBJECTS } from '../../src/lab/subject.ts';

/** Enough that a defect is mostly met, few enough for hundreds of mutants. */
const CASES = 300;

test.each(SUBJECTS)('a short campaign finds nothing wrong with $variant.name', (subject) => {
  const { failure, fault, counts } = runCampaign(subject, {
    seed: 1,
    cases: CASES,
    milliseconds: Number.POSITIVE_INFINITY,
    now: () => 0,
  });
  expect(fault).toBeUndefined();
  expect(failure?.violations).toBeUndefined();
  expect(counts.cases).toBe(CASES);
});
