/** The matrix is kept true by the checks of `npm run features`; here are those checks, and that each of them can fail. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type MatrixData, ROOT, readData } from './data.ts';
import { buildMatrix } from './matrix.ts';
import { counts, PAGE, page, stale } from './page.ts';
import { readTags } from './tags.ts';

const data = readData();

test('every feature is shown by a test, or has a reason, and docs/features.md says which', () => {
  const matrix = buildMatrix(data);
  expect(matrix.problems).toEqual([]);
  expect(stale(matrix, readFileSync(join(ROOT, PAGE), 'utf8'))).toEqual([]);
});

test('the table has 318 features: 119 of high, 126 of medium and 73 of low importance', () => {
  const count = (importance: string) => data.features.filter((feature) => feature.importance === importance).length;
  expect([new Set(data.features.map(({ id }) => id)).size, count('high'), count('medium'), count('low')]).toEqual([
    318, 119, 126, 73,
  ]);
});

/** Two features, of which a test shows one, and a reason leaves the other out. */
const SOUND: MatrixData = {
  features: [
    { id: 'AA01', section: 's', feature: 'first', importance: 'high' },
    { id: 'AA02', section: 's', feature: 'second', importance: 'low' },
  ],
  notModelled: new Map([['AA02', 'nobody needs it']]),
  evidence: [{ file: 'a.test.ts', name: 'shows', ids: ['AA01'] }],
  faults: [],
};
const problems = (change: Partial<MatrixData>): readonly string[] => buildMatrix({ ...SOUND, ...change }).problems;

describe('the check is silent about sound data, and finds', () => {
  test('nothing', () => {
    expect(problems({})).toEqual([]);
  });

  test('a feature that nothing accounts for', () => {
    expect(problems({ evidence: [] })).toEqual([expect.stringMatching(/^AA01 \(first\) is shown by no test/)]);
  });

  test('an id that the table does not have, in a tag and in the list of reasons', () => {
    const evidence = [...SOUND.evidence, { file: 'b.test.ts', name: 'slips', ids: ['AA03'] }];
    expect(problems({ evidence })).toEqual(['AA03 is no id of the table: b.test.ts, "slips".']);
    const reasons = new Map([...SOUND.notModelled, ['AA04', 'why']]);
    expect(problems({ notModelled: reasons })).toEqual(['AA04 is no id of the table: not-modelled.md.']);
  });

  test('a feature that is left out and shown all the same', () => {
    const evidence = [{ file: 'a.test.ts', name: 'shows', ids: ['AA01', 'AA02'] }];
    expect(problems({ evidence })).toEqual(['AA02 (second) is tested and not modelled at once.']);
  });

  test('a page that is not there, or of another day', () => {
    const matrix = buildMatrix(SOUND);
    const more = buildMatrix({
      ...SOUND,
      evidence: [...SOUND.evidence, { file: 'b.test.ts', name: '', ids: ['AA01'] }],
    });
    const sentence = ['docs/features.md is not what the tests say: run npm run features.'];
    expect([stale(matrix, page(matrix)), stale(matrix, undefined), stale(more, page(matrix))]).toEqual([
      [],
      sentence,
      sentence,
    ]);
  });

  test('a reason that says nothing', () => {
    expect(problems({ notModelled: new Map([['AA02', '']]) })).toEqual(['AA02 has no reason in not-modelled.md.']);
  });
});

/** As it stands in a test file; spelt so that this file has none of its own. */
const TAG = ['//', 'covers:'].join(' ');

test('the page has the counts, and for each feature what shows it, or why nothing does', () => {
  const matrix = buildMatrix(SOUND);
  expect(counts(matrix)).toEqual([
    'all: 2, 1 tested, 1 not modelled, 0 unaccounted',
    'high: 1, 1 tested, 0 not modelled, 0 unaccounted',
    'medium: 0, 0 tested, 0 not modelled, 0 unaccounted',
    'low: 1, 0 tested, 1 not modelled, 0 unaccounted',
  ]);
  const lines = page(matrix).split('\n');
  for (const line of counts(matrix)) expect(lines).toContain(`- ${line}`);
  expect(lines).toContain('| AA01 | first | high | tested | `a.test.ts` shows |');
  expect(lines).toContain('| AA02 | second | low | not modelled | nobody needs it |');
});

describe('a tag', () => {
  test('belongs to the test below it, whose name has the groups around it', () => {
    const source = `
      describe('a group', () => {
        ${TAG} AA01 AA02
        test.each([
          1,
        ])('of %i', () => {});
        it('without', () => {});
      });
      ${TAG} AA03
      describe.each([[1]])('%i', () => {});`;
    expect(readTags('x.test.ts', source)).toEqual({
      tests: [
        { file: 'x.test.ts', name: 'a group > of %i', ids: ['AA01', 'AA02'] },
        { file: 'x.test.ts', name: '%i', ids: ['AA03'] },
      ],
      faults: [],
    });
  });

  test('above no test, or above one that does not run, is a fault', () => {
    const source = `
      ${TAG} AA01
      const x = 1;
      ${TAG} AA02
      test.skip('later', () => {});
      ${TAG} AA03

      test('too far', () => {});`;
    expect(readTags('x.test.ts', source)).toEqual({
      tests: [],
      faults: [
        'x.test.ts:4 tags a test that does not run.',
        'x.test.ts:2 is a tag that stands above no test.',
        'x.test.ts:6 is a tag that stands above no test.',
      ],
    });
  });
});
