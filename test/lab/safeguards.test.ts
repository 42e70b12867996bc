/** Safeguards bear load: switch one off, and a property notices; or its declaration says why nobody misses it. */
import { describe, expect, test } from 'vitest';
import { sample as profiles } from '../../src/lab/profiles/sample.ts';
import { runSafeguards } from '../../src/lab/safeguards.ts';
import { SUBJECTS, type Subject, subjectOf } from '../../src/lab/subject.ts';
import { allSafeguards } from '../../src/variant/dossier.ts';
import { type AnySafeguard, defineSafeguards } from '../../src/variant/safeguard.ts';
import { sample } from '../../variants/sample/index.ts';

const clock = (): number => performance.now();

const ALL = SUBJECTS.flatMap((subject) =>
  allSafeguards(subject.variant.declaration).map((guard) => ({ subject, guard, name: subject.variant.name })),
);

describe('every declared check is missed when it is switched off', () => {
  test.each(ALL.filter(({ guard }) => guard.redundant === undefined))('$name: $guard.name', ({ subject, guard }) => {
    const holds = guard.holds;
    const { entries } = run(subject, guard.name, 100_000);
    expect(entries).toMatchObject([{ name: guard.name, verdict: 'noticed', noticedIn: 1 }]);
    expect(entries[0]!.calls).toBeLessThanOrEqual(6);
    expect(guard.holds).toBe(holds);
  });
});

test('a check that is declared redundant says why, and is not missed', () => {
  const redundant = ALL.filter(({ guard }) => guard.redundant !== undefined);
  expect(redundant.map(({ name, guard }) => `${name} ${guard.name}`)).toEqual(['mtty OWN']);
  const [{ subject, guard }] = redundant as [(typeof redundant)[0]];
  const { entries, borne } = run(subject, guard.name, 1000);
  expect(borne).toBe(true);
  expect(entries).toMatchObject([{ verdict: 'redundant', reason: guard.redundant }]);
});

describe('a claim is held against what is found', () => {
  test('a check that nothing asks is unexplained', () => {
    const { IDLE } = defineSafeguards('sample-vfio-pci', {
      IDLE: { checks: 'nothing', errno: 'EINVAL', holds: () => true },
    });
    const report = run(withSafeguards(IDLE as unknown as AnySafeguard), 'IDLE', 500);
    expect(report).toMatchObject({
      borne: false,
      entries: [{ verdict: 'unexplained', stands: ['inside the driver'] }],
    });
  });

  test('a check that is called redundant and is missed contradicts its reason', () => {
    const count = sample.declaration.safeguards.find(({ name }) => name === 'COUNT')!;
    const claimed = Object.assign(Object.create(count) as AnySafeguard, { redundant: 'somebody else looks' });
    Object.defineProperty(claimed, 'holds', {
      get: () => count.holds,
      set: (holds: AnySafeguard['holds']) => {
        count.holds = holds;
      },
    });
    const report = run(subjectWith([claimed]), 'COUNT', 20_000);
    expect(report).toMatchObject({ borne: false, entries: [{ verdict: 'contradicted' }] });
  });
});

test('where a check stands is read from the declaration', () => {
  const mlx5 = SUBJECTS.find(({ variant }) => variant.name === 'mlx5')!;
  const { entries } = run(mlx5, 'RECORD_SIZE_LIMIT', 1);
  expect(entries[0]!.stands).toEqual(['field header.record_size', 'argument load(size)', 'argument createMkey(pages)']);
});

function run(subject: Subject, name: string, milliseconds: number) {
  return runSafeguards(subject, { seed: 1, trials: 1, milliseconds, now: clock, only: [name] });
}

const withSafeguards = (guard: AnySafeguard): Subject => subjectWith([...sample.declaration.safeguards, guard]);

function subjectWith(safeguards: readonly AnySafeguard[]): Subject {
  const declaration = { ...sample.declaration, safeguards };
  return subjectOf({ name: 'sample', declaration }, profiles);
}
