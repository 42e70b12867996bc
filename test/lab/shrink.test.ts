/** Shrinking: what is left is small, plain, and breaks the same promise. */
import { afterEach, describe, expect, test } from 'vitest';
import { rerun } from '../../src/lab/run-case.ts';
import type { Scenario, Step } from '../../src/lab/scenario.ts';
import { shrink } from '../../src/lab/shrink.ts';
import { subjectNamed } from '../../src/lab/subject.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { DEFECTS } from '../defects/index.ts';
import type { Undo } from '../defects/patch.ts';

let undo: Undo | undefined;
afterEach(() => {
  undo?.();
  undo = undefined;
});

const mlx5 = subjectNamed('mlx5')!;
type Call = readonly [by: Step['by'], op: string, args?: Step['args']];

function failing(defect: string, property: string, calls: readonly Call[], more: Partial<Scenario> = {}) {
  undo = DEFECTS.find(({ id }) => id === defect)!.plant();
  const steps = calls.map(([by, op, args = {}]): Step => ({ by, op, args }));
  const schedule = steps.map(() => 3);
  const scenario: Scenario = { variant: 'mlx5', seed: 1, twin: 'integrity', setting: {}, steps, schedule, ...more };
  const result = rerun(mlx5, scenario);
  const violations = result.violations.filter((violation) => violation.property === property);
  expect(violations).not.toEqual([]);
  return { ...result, violations };
}

const shrunk = (...args: Parameters<typeof failing>): Scenario => shrink(mlx5, failing(...args)).scenario;
const calls = ({ steps }: Scenario): string[] => steps.map(({ by, op }) => `${by} ${op}`);

const STOP: Call = ['A', 'set_state', { state: MIG_STATE.STOP }];
const NOISE: readonly Call[] = [
  ['B', 'config_read', { offset: 4, length: 4 }],
  ['H', 'look', { what: 1 }],
  ['A', 'events'],
  ['B', 'info', { kind: 0, index: 0 }],
];

describe('a counterexample to the same promise', () => {
  test('loses what has nothing to do with it: other calls, other actors, turns of threads', () => {
    const scenario = shrunk('HISI-09', 'reset and liveness', [...NOISE, STOP, ...NOISE, ['A', 'reset'], ...NOISE]);
    expect(calls(scenario)).toEqual(['A set_state', 'A reset']);
    expect(scenario.schedule).toEqual([0, 0]);
  });

  test('loses two calls that only go together', () => {
    const pair: readonly Call[] = [['A', 'close'], ...NOISE, ['A', 'open']];
    expect(calls(shrunk('HISI-09', 'reset and liveness', [...pair, STOP, ['A', 'reset']]))).toHaveLength(2);
  });

  test('is made by tenant A where it does not matter who makes it', () => {
    const by = (call: Call): Call => ['B', ...(call.slice(1) as [string, Step['args']])];
    const scenario = shrunk('HISI-09', 'reset and liveness', [by(STOP), ['B', 'reset', {}]]);
    expect(calls(scenario)).toEqual(['A set_state', 'A reset']);
  });

  test('has simpler calls instead of those that do many things', () => {
    const scenario = shrunk('HISI-09', 'reset and liveness', [
      ['A', 'round_trip', { out: 7, into: 9, between: 0, begin: 0 }],
      STOP,
      ['A', 'flr'],
    ]);
    expect(calls(scenario)).toEqual(['A set_state', 'A reset']);
  });

  test('has ordinary arguments where odd ones are not the point', () => {
    const { steps } = shrunk('HISI-02', 'save-load round trip', [
      ['A', 'round_trip', { out: 7, into: 9, between: 2, begin: 3 }],
    ]);
    expect(steps.map(({ args }) => args)).toEqual([{ out: 65536, into: 65536, between: 0, begin: 0 }]);
  });

  test('has the plainest second run, where none is needed', () => {
    const scenario = shrunk('HISI-09', 'reset and liveness', [STOP, ['A', 'reset']], { twin: 'confidentiality' });
    expect(scenario.twin).toBe('integrity');
  });

  test('needs no setting that is not plain, unless it does', () => {
    const setting = { way: 2 };
    expect(shrunk('HISI-09', 'reset and liveness', [STOP, ['A', 'reset']], { setting }).setting).toEqual({});
  });
});

test('progress is told for each smaller one, and the number of runs is limited', () => {
  const start = failing('HISI-09', 'reset and liveness', [...NOISE, STOP, ...NOISE, ['A', 'reset']]);
  const told: number[] = [];
  shrink(mlx5, start, (steps) => told.push(steps));
  expect(told.length).toBeGreaterThan(1);
  expect(told.at(-1)).toBe(2);
  expect(shrink(mlx5, start, () => {}, 1).scenario.steps.length).toBeGreaterThan(2);
});

test('what is small already stays as it is', () => {
  const start = failing('HISI-09', 'reset and liveness', [STOP, ['A', 'reset']], { schedule: [0, 0] });
  expect(shrink(mlx5, start).scenario).toEqual(start.scenario);
});
