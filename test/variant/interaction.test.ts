import { expect, test } from 'vitest';
import type { Task } from '../../src/kernel/sleep.ts';
import { kernel } from '../../src/variant/argument.ts';
import {
  defineParent,
  Parent,
  type ParentEvent,
  type ParentObservers,
  returns,
} from '../../src/variant/interaction.ts';

const PARENT = defineParent({
  name: 'test parent',
  driver: 'test',
  summary: '',
  identity: '',
  interactions: {
    double: {
      summary: '',
      arguments: { value: kernel<number>('u32', '') },
      returns: returns<number>('twice the value'),
      scope: [],
      errors: [],
      reference: '',
    },
  },
});

function connect(observers: ParentObservers, log: string[] = []): Parent<(typeof PARENT)['interactions']> {
  return new Parent(
    PARENT,
    '0000:01:00.2',
    {
      *double({ value }) {
        log.push('acts');
        yield 0;
        return 2 * value;
      },
    },
    observers,
  );
}

function finish(task: Task<number>): void {
  while (!task.next('woken').done);
}

test('a call is carried out step by step', () => {
  const task = connect({}).call('double', { value: 4 });
  expect(task.next('woken')).toEqual({ done: false, value: 0 });
  expect(task.next('woken')).toEqual({ done: true, value: 8 });
});

test('an observer sees it before the parent acts and after it answered', () => {
  const log: string[] = [];
  const events: ParentEvent[] = [];
  const observers: ParentObservers = {
    observer: (event) => {
      log.push(event.phase);
      events.push(event);
    },
  };
  const task = connect(observers, log).call('double', { value: 4 });
  expect(log).toEqual([]);
  task.next('woken');
  expect(log).toEqual(['enter', 'acts']);
  task.next('woken');
  expect(log).toEqual(['enter', 'acts', 'leave']);
  const call = { parent: 'test parent', subject: '0000:01:00.2', interaction: 'double', args: { value: 4 } };
  expect(events).toEqual([
    { ...call, phase: 'enter', result: undefined },
    { ...call, phase: 'leave', result: 8 },
  ]);
});

test('an observer can come and go', () => {
  const observers: ParentObservers = {};
  const parent = connect(observers);
  let seen = 0;
  observers.observer = () => seen++;
  finish(parent.call('double', { value: 1 }));
  delete observers.observer;
  finish(parent.call('double', { value: 1 }));
  expect(seen).toBe(2);
});
