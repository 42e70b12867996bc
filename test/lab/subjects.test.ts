/** What can be checked, and what of it applies to whom. */
import { describe, expect, test } from 'vitest';
import { generating } from '../../src/lab/generate.ts';
import { varying } from '../../src/lab/guidance/corpus.ts';
import { applies, whyNot } from '../../src/lab/offers.ts';
import { OPERATION_BY_NAME } from '../../src/lab/operations/index.ts';
import { PROPERTIES } from '../../src/lab/properties/index.ts';
import { caseSeed } from '../../src/lab/random.ts';
import { rerun, runCase } from '../../src/lab/run-case.ts';
import type { Step } from '../../src/lab/scenario.ts';
import { PLAIN } from '../../src/lab/setting.ts';
import { SUBJECTS, subjectNamed } from '../../src/lab/subject.ts';
import { keptWorlds } from '../../src/lab/worlds.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';

const absent = (name: string): string[] =>
  PROPERTIES.filter(({ needs }) => whyNot(subjectNamed(name)!, needs) !== undefined).map((property) => property.name);

test('every property applies to a variant with a parent, DMA and logging', () => {
  expect(absent('mlx5')).toEqual([]);
});

test('what is about DMA or a parent does not apply to devices that have neither', () => {
  const without = ['DMA confinement', 'parent-interaction scope', 'dirty-tracking soundness'];
  expect(absent('mtty')).toEqual(without);
  expect(absent('sample')).toEqual(without);
});

describe.each(SUBJECTS)('$variant.name', (subject) => {
  const worlds = keptWorlds(subject);
  const used = new Set<string>();
  let steps = 0;
  let discarded = 0;
  for (let number = 0; number < 1500; number++) {
    const seed = caseSeed(3, number);
    const frame = { seed, twin: 'integrity', setting: PLAIN } as const;
    const { scenario } = runCase(worlds, frame, generating(seed));
    const again = runCase(worlds, frame, varying(seed, scenario));
    steps += again.scenario.steps.length;
    discarded += again.discarded;
    for (const { by, op } of scenario.steps) if (by !== 'H') used.add(op);
  }

  test('is worked by steps that nearly all make sense where a case has come to, also when it varies another', () => {
    expect(discarded).toBeLessThan(0.02 * steps);
  });

  test('is worked by all operations that it offers room for, and by no others', () => {
    const fitting = [...OPERATION_BY_NAME.values()].filter((operation) =>
      applies({ variant: subject.variant, profile: subject.profile(PLAIN) }, operation),
    );
    expect([...used].sort()).toEqual(fitting.map(({ name }) => name).sort());
  });
});

describe('a serial card closed in a migration state', () => {
  const play = (...steps: [op: string, args?: Step['args']][]) =>
    rerun(subjectNamed('mtty')!, {
      variant: 'mtty',
      seed: 1,
      twin: 'integrity',
      setting: PLAIN,
      steps: steps.map(([op, args = {}]) => ({ by: 'A', op, args })),
      schedule: steps.map(() => 0),
    }).violations;

  test.each([
    ['STOP_COPY', MIG_STATE.STOP_COPY],
    ['RESUMING', MIG_STATE.RESUMING],
    ['PRE_COPY', MIG_STATE.PRE_COPY],
  ])('in %s is found there again, and every way out is judged by the uAPI', (_name, state) => {
    for (let target = 1; target < 8; target++) {
      const found = play(
        ['set_state', { state }],
        ['close'],
        ['open'],
        ['get_state'],
        ['set_state', { state: target }],
      );
      expect(found).toEqual([]);
    }
  });
});
