/** What is plainer than a step: the same call with ordinary arguments, or a simpler call. For shrinking. */
import { MIG_STATE } from '../uapi/vfio.ts';
import { type Offering, offers } from './offers.ts';
import { OPERATION_BY_NAME } from './operations/index.ts';
import type { Args } from './operations/operation.ts';
import type { Step } from './scenario.ts';

const WHOLE = 65536;

/** Arguments as a program that means no harm would have them: plainer than any number that is only smaller. */
const ORDINARY: Readonly<Record<string, Args>> = {
  read: { length: WHOLE, dead: 0 },
  write: { fault: 0, chunk: WHOLE },
  load: { fault: 0, chunk: WHOLE },
  round_trip: { out: WHOLE, into: WHOLE },
  log_start: { pages: 1, pageSize: 4096 },
  map: { pages: 1, flags: 3 },
  arm: { count: 1 },
  loop: { count: 1, fresh: 1 },
};

/** Calls that do many things, or odd ones, and what does one part of it. */
const SIMPLER: Readonly<Record<string, readonly (readonly [op: string, args: Args])[]>> = {
  round_trip: [
    ['set_state', { state: MIG_STATE.STOP_COPY }],
    ['set_state', { state: MIG_STATE.RESUMING }],
    ['set_state', { state: MIG_STATE.STOP }],
  ],
  load: [
    ['set_state', { state: MIG_STATE.RESUMING }],
    ['write', { fault: 0, part: 0, place: 0, value: 0, chunk: WHOLE }],
  ],
  loop: [['port_write', { port: 0, register: 0, value: 0 }]],
  set_irqs_odd: [['disarm', {}]],
  flr: [['reset', {}]],
  open_again: [['get_state', {}]],
};

/** Calls that do nothing but take part in time: for steps that only matter by being there. */
const IDLE: readonly (readonly [op: string, args: Args])[] = [
  ['wait', {}],
  ['get_state', {}],
];
const IDLES = new Set(IDLE.map(([op]) => op));

/** Values of one argument to try instead of `value`, the plainest first. */
export function plainerValues({ op }: Step, name: string, value: number): number[] {
  const ordinary = ORDINARY[op]?.[name];
  if (value === ordinary) return [];
  // A request for ERROR is not plainer than one for STOP.
  const smallest = name === 'state' ? [MIG_STATE.STOP] : [0, 1];
  const smaller = [...smallest, value - (value % 4096), Math.floor(value / 2)].filter((v) => v < value);
  return [...new Set(ordinary === undefined ? smaller : [ordinary, ...smaller])];
}

/** Steps to try instead of `step`, the plainest first; none of a kind that the subject has no use for. */
export function plainerSteps(subject: Offering, step: Step): Step[] {
  if (step.by === 'H' || IDLES.has(step.op)) return [];
  return [...IDLE, ...(SIMPLER[step.op] ?? [])]
    .filter(([op]) => {
      const { needs } = OPERATION_BY_NAME.get(op)!;
      return needs === undefined || offers(subject, needs);
    })
    .flatMap(([op, args]) => BY[step.by as 'A' | 'B'].map((by) => ({ by, op, args })));
}

/** Tenant A is plainer than its neighbour. */
const BY = { A: ['A'], B: ['A', 'B'] } as const;

/** One step that asks for what two equal neighbours ask for together; undefined: they are not alike. */
export function together(a: Step, b: Step): Step | undefined {
  if (a.by !== b.by || a.op !== b.op || a.by === 'H') return undefined;
  const sums = Object.entries(a.args).map(([name, value]) => [name, SUMMED.has(name) ? value + b.args[name]! : value]);
  return { by: a.by, op: a.op, args: Object.fromEntries(sums) as Args };
}
const SUMMED = new Set(['length', 'count', 'pages', 'size']);
