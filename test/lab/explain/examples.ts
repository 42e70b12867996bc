/** Counterexamples of planted defects, as small as they get: what a person is to understand at a glance. */
import { type Explanation, explain } from '../../../src/lab/explain/explain.ts';
import type { Scenario, Step, Twin } from '../../../src/lab/scenario.ts';
import { subjectNamed } from '../../../src/lab/subject.ts';
import { MIG_STATE } from '../../../src/uapi/vfio.ts';
import { DEFECTS } from '../../defects/index.ts';

type Call = readonly [by: Step['by'], op: string, args?: Step['args']];

function scenario(variant: string, twin: Twin, ...calls: Call[]): Scenario {
  const steps = calls.map(([by, op, args = {}]): Step => ({ by, op, args }));
  return { variant, seed: 1, twin, setting: {}, steps, schedule: steps.map(() => 0) };
}

/** By the defect that has to be planted. */
export const EXAMPLES = {
  'HISI-09': scenario('mlx5', 'integrity', ['A', 'set_state', { state: MIG_STATE.STOP }], ['A', 'reset']),
  'T1-03': scenario('mlx5', 'confidentiality', ['A', 'info', { kind: 3, index: 0 }]),
  'DMA-RO': scenario(
    'mlx5',
    'integrity',
    ['A', 'map', { page: 0, pages: 1, iova: 0x1000, flags: 2 }],
    ['A', 'job', { kind: 1, queue: 0, source: 0x1000, target: 0, length: 1 }],
    ['A', 'wait'],
  ),
  'SCOPE-01': scenario(
    'mlx5',
    'integrity',
    ['A', 'set_state', { state: MIG_STATE.PRE_COPY }],
    ['B', 'set_state', { state: MIG_STATE.STOP }],
  ),
  'HISI-02': scenario('mlx5', 'integrity', ['A', 'round_trip', { out: 3, into: 65536 }]),
  'CORE-07': scenario('mlx5', 'integrity', ['A', 'close'], ['A', 'leave_container']),
  'MTTY-01': scenario('mtty', 'integrity', ['A', 'port_write', { port: 0, register: 7, value: 0 }]),
  'MTTY-02': scenario(
    'mtty',
    'confidentiality',
    ['A', 'set_state', { state: MIG_STATE.STOP_COPY }],
    ['A', 'read', { length: 65536, dead: 0 }],
  ),
  'MTTY-08': scenario(
    'mtty',
    'integrity',
    ['A', 'arm_line', { msi: 0, event: 0 }],
    ['A', 'port_write', { port: 0, register: 1, value: 1 }],
    ['A', 'close'],
    ['A', 'open'],
    ['A', 'loop', { port: 0, fresh: 1, count: 1, back: 0, value: 0 }],
  ),
} as const satisfies Record<string, Scenario>;

export type Example = keyof typeof EXAMPLES;

/** Does something while a defect is planted. */
export function withDefect<T>(id: Example, work: (scenario: Scenario) => T): T {
  const undo = DEFECTS.find((defect) => defect.id === id)!.plant();
  try {
    return work(EXAMPLES[id]);
  } finally {
    undo();
  }
}

/** The example, explained. */
export const explained = (id: Example): Explanation =>
  withDefect(id, (example) => explain(subjectNamed(example.variant)!, example));
