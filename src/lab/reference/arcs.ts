/**
 * The migration state machine as the uAPI text defines it (include/uapi/linux/vfio.h, enum vfio_device_mig_state):
 * written down a second time, as whole next-state tables, so that the core's computed one has something to answer to.
 */
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';

/** Rows: current state. Cells: first step towards the column state; `.` no step, `x` refused. */
const TABLES: Readonly<Record<number, readonly string[]>> = {
  1: [
    'to: STOP RUN SC RES',
    'STOP: . RUN SC RES',
    'RUN: STOP . STOP STOP',
    'SC: STOP STOP . STOP',
    'RES: STOP STOP STOP .',
  ],
  3: [
    'to: STOP RUN SC RES RP2P',
    'STOP: . RP2P SC RES RP2P',
    'RUN: RP2P . RP2P RP2P RP2P',
    'SC: STOP STOP . STOP STOP',
    'RES: STOP STOP STOP . STOP',
    'RP2P: STOP RUN STOP STOP .',
  ],
  5: [
    'to: STOP RUN SC RES PC',
    'STOP: . RUN SC RES RUN',
    'RUN: STOP . STOP STOP PC',
    'SC: STOP STOP . STOP x',
    'RES: STOP STOP STOP . STOP',
    'PC: RUN RUN SC RUN .',
  ],
  7: [
    'to: STOP RUN SC RES RP2P PC PCP2P',
    'STOP: . RP2P SC RES RP2P RP2P RP2P',
    'RUN: RP2P . RP2P RP2P RP2P PC RP2P',
    'SC: STOP STOP . STOP STOP x x',
    'RES: STOP STOP STOP . STOP STOP STOP',
    'RP2P: STOP RUN STOP STOP . RUN PCP2P',
    'PC: RUN RUN PCP2P RUN RUN . PCP2P',
    'PCP2P: RP2P RP2P SC RP2P RP2P PC .',
  ],
};

const SHORT: Readonly<Record<string, number>> = {
  STOP: MIG_STATE.STOP,
  RUN: MIG_STATE.RUNNING,
  SC: MIG_STATE.STOP_COPY,
  RES: MIG_STATE.RESUMING,
  RP2P: MIG_STATE.RUNNING_P2P,
  PC: MIG_STATE.PRE_COPY,
  PCP2P: MIG_STATE.PRE_COPY_P2P,
};

/** Names of states for people. */
export const STATE_NAMES: readonly string[] = [
  'ERROR',
  'STOP',
  'RUNNING',
  'STOP_COPY',
  'RESUMING',
  'RUNNING_P2P',
  'PRE_COPY',
  'PRE_COPY_P2P',
];

/** The states visited after `from` on the way to `to`, `to` last; a negated errno if the request is refused. */
export type Path = readonly number[] | number;

const paths = new Map<number, Path>();

/** See {@link Path}. An unknown or unsupported target, and a forbidden arc, are EINVAL. */
export function referencePath(flags: number, from: number, to: number): Path {
  if (to > 7 || to < 0) return -ERRNO.EINVAL;
  const key = flags * 64 + from * 8 + to;
  let path = paths.get(key);
  if (path === undefined) paths.set(key, (path = walk(flags, from, to)));
  return path;
}

function walk(flags: number, from: number, to: number): Path {
  const visited: number[] = [];
  for (let state = from; state !== to; ) {
    const next = cell(flags, state, to);
    if (next === undefined || visited.length > 7) return -ERRNO.EINVAL;
    visited.push(next);
    state = next;
  }
  return visited;
}

function cell(flags: number, from: number, to: number): number | undefined {
  const table = TABLES[flags];
  if (table === undefined) return undefined;
  const columns = table[0]!.split(/[ :]+/).slice(1);
  const row = table.find((line) => SHORT[line.split(':')[0]!] === from);
  const column = columns.findIndex((name) => SHORT[name] === to);
  if (row === undefined || column < 0) return undefined;
  return SHORT[row.split(/[ :]+/)[column + 1]!];
}

const key = (from: number, to: number): number => from * 8 + to;
const S = MIG_STATE;
/** Arcs that hand out a data file. */
const OPENING = new Set([
  key(S.RUNNING, S.PRE_COPY),
  key(S.RUNNING_P2P, S.PRE_COPY_P2P),
  key(S.STOP, S.STOP_COPY),
  key(S.STOP, S.RESUMING),
]);
/** Arcs that end the session of the data file. */
const ENDING = new Set([
  key(S.STOP_COPY, S.STOP),
  key(S.RESUMING, S.STOP),
  key(S.PRE_COPY, S.RUNNING),
  key(S.PRE_COPY_P2P, S.RUNNING_P2P),
]);

export const opensSession = (from: number, to: number): boolean => OPENING.has(key(from, to));
export const endsSession = (from: number, to: number): boolean => ENDING.has(key(from, to));

/** Every arc that a driver with these flags can be asked to take, as `from * 8 + to`. */
export function legalArcs(flags: number): number[] {
  const arcs = new Set<number>();
  const states = Object.values(SHORT);
  for (const from of states)
    for (const to of states) {
      const next = from === to ? undefined : cell(flags, from, to);
      if (next !== undefined) arcs.add(key(from, next));
    }
  return [...arcs];
}
