/** What the lab trips over, before and after a promise was broken. */
import { afterEach, expect, test } from 'vitest';
import { replaying } from '../../src/lab/generate.ts';
import { OPERATION_BY_NAME } from '../../src/lab/operations/index.ts';
import { runCase } from '../../src/lab/run-case.ts';
import type { Scenario } from '../../src/lab/scenario.ts';
import { PLAIN } from '../../src/lab/setting.ts';
import { subjectNamed } from '../../src/lab/subject.ts';
import type { World } from '../../src/lab/world.ts';
import { newWorlds } from '../../src/lab/worlds.ts';
import { patch, type Undo } from '../defects/patch.ts';

const operation = OPERATION_BY_NAME.get('get_state')!;
const scenario: Scenario = {
  variant: 'mlx5',
  seed: 1,
  twin: 'integrity',
  setting: PLAIN,
  steps: [{ by: 'A', op: operation.name, args: {} }],
  schedule: [0],
};

let undo: Undo | undefined;
afterEach(() => undo?.());

/** Runs the scenario; `first` happens in its step, and then the lab trips. */
function tripping(first: (world: World) => void) {
  undo = patch(operation, 'run', () => (_tenant, _args, world) => {
    first(world);
    throw new Error('the lab trips');
  });
  return runCase(newWorlds(subjectNamed('mlx5')!), scenario, replaying(scenario));
}

test('an exception of the lab is a fault', () => {
  expect(() => tripping(() => {})).toThrow('the lab trips');
});

test('after a broken promise it ends the case, and the promise is what counts', () => {
  const { violations } = tripping((world) => world.violate('FSM legality', 'broken'));
  expect(violations).toEqual([{ property: 'FSM legality', message: 'broken', at: 0 }]);
});
