/** `safeguards` tells of each declared check whether it is missed, and ends with 1 if one is neither missed nor explained. */
import { beforeAll, expect, test } from 'vitest';
import { cliBatch, type Run } from './cli.ts';

let runs: Record<'plain' | 'json' | 'redundant' | 'unknown' | 'nobody', Run>;
beforeAll(async () => {
  runs = await cliBatch({
    plain: ['safeguards', 'sample', 'TAG', 'COUNT', '--trials', '1'],
    json: ['safeguards', 'sample', 'SIZE', '--trials', '1', '--json', '--seed', '4'],
    redundant: ['safeguards', 'mtty', 'OWN', '--trials', '1', '--time', '500ms'],
    unknown: ['safeguards', 'sample', 'NOPE'],
    nobody: ['safeguards', 'nobody'],
  });
}, 100_000);

test('prints what was noticed, by which property, and where the check stands', () => {
  const { code, out, err } = runs.plain;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^noticed {6}TAG .* s, \d+ calls: stream robustness\n {13}EOPNOTSUPP: the record is a TALLY\n/m);
  expect(out).toContain('field header.tag');
  expect(out).toMatch(/^sample: 2 of 2 safeguards noticed, seed 1\n$/m);
});

test('says the same as one JSON object', () => {
  const { code, out } = runs.json;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    variant: 'sample',
    seed: 4,
    borne: true,
    entries: [{ name: 'SIZE', errno: 'EMSGSIZE', verdict: 'noticed', trials: 1, noticedIn: 1 }],
  });
});

test('a redundant check is printed with its reason', () => {
  expect(runs.redundant.code).toBe(0);
  expect(runs.redundant.out).toMatch(/^redundant {4}OWN$/m);
  expect(runs.redundant.out).toContain('because it refuses nothing');
});

test('a variant or a safeguard that does not exist is a sentence and exit code 2', () => {
  expect(runs.unknown).toEqual({ code: 2, out: '', err: 'sample declares no safeguard called NOPE.\n' });
  expect(runs.nobody).toMatchObject({ code: 2, out: '', err: expect.stringContaining('no variant called nobody') });
});
