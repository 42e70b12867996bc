/**
 * The migration state machine (vfio_main.c: vfio_mig_get_next_state). One table says which step comes first on the way
 * from a state to a target when a device supports everything; what a lesser device does, and every path, follows.
 */
import { HangError } from '../../../sim/hang.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE, MIGRATION, type MigState } from '../../uapi/vfio.ts';

/** The name of a migration state, e.g. `STOP_COPY`. */
export type StateName = keyof typeof MIG_STATE;

/** Migration flags a device needs for a state (vfio_main.c: state_flags_table). ERROR needs what no device has. */
export const STATE_FLAGS: Readonly<Record<StateName, number>> = {
  ERROR: 0xffff_ffff,
  STOP: MIGRATION.STOP_COPY,
  RUNNING: MIGRATION.STOP_COPY,
  STOP_COPY: MIGRATION.STOP_COPY,
  RESUMING: MIGRATION.STOP_COPY,
  RUNNING_P2P: MIGRATION.STOP_COPY | MIGRATION.P2P,
  PRE_COPY: MIGRATION.STOP_COPY | MIGRATION.PRE_COPY,
  PRE_COPY_P2P: MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY,
};

const TARGETS: readonly StateName[] = [
  'STOP',
  'RUNNING',
  'STOP_COPY',
  'RESUMING',
  'RUNNING_P2P',
  'PRE_COPY',
  'PRE_COPY_P2P',
];

/** First step from the row's state towards each of {@link TARGETS}; ERROR: there is no way. */
const FIRST_STEP: Readonly<Record<StateName, readonly StateName[]>> = {
  ERROR: ['ERROR', 'ERROR', 'ERROR', 'ERROR', 'ERROR', 'ERROR', 'ERROR'],
  STOP: ['STOP', 'RUNNING_P2P', 'STOP_COPY', 'RESUMING', 'RUNNING_P2P', 'RUNNING_P2P', 'RUNNING_P2P'],
  RUNNING: ['RUNNING_P2P', 'RUNNING', 'RUNNING_P2P', 'RUNNING_P2P', 'RUNNING_P2P', 'PRE_COPY', 'RUNNING_P2P'],
  STOP_COPY: ['STOP', 'STOP', 'STOP_COPY', 'STOP', 'STOP', 'ERROR', 'ERROR'],
  RESUMING: ['STOP', 'STOP', 'STOP', 'RESUMING', 'STOP', 'STOP', 'STOP'],
  RUNNING_P2P: ['STOP', 'RUNNING', 'STOP', 'STOP', 'RUNNING_P2P', 'RUNNING', 'PRE_COPY_P2P'],
  PRE_COPY: ['RUNNING', 'RUNNING', 'PRE_COPY_P2P', 'RUNNING', 'RUNNING', 'PRE_COPY', 'PRE_COPY_P2P'],
  PRE_COPY_P2P: ['RUNNING_P2P', 'RUNNING_P2P', 'STOP_COPY', 'RUNNING_P2P', 'RUNNING_P2P', 'PRE_COPY', 'PRE_COPY_P2P'],
};

const STATE_NAMES = Object.keys(MIG_STATE) as StateName[];

/** STATE_FLAGS by state number. */
const needed = STATE_NAMES.map((name) => STATE_FLAGS[name]);
/** FIRST_STEP by state numbers, [current][target]; no way leads to ERROR. */
const firstStep: readonly (readonly MigState[])[] = STATE_NAMES.map((from) =>
  STATE_NAMES.map((to) => MIG_STATE[FIRST_STEP[from][TARGETS.indexOf(to)] ?? 'ERROR']),
);

/** A state a walk can reach: ERROR is none, so a step is never 0. */
export type ReachableState = Exclude<MigState, typeof MIG_STATE.ERROR>;
/** The one way a step is refused. Compare with `===`: it narrows the type, and ERROR, which is 0, cannot occur. */
export const MIG_REFUSED = -ERRNO.EINVAL as -22;
/** The next state on the way, or {@link MIG_REFUSED}. */
export type NextState = ReachableState | typeof MIG_REFUSED;

/** The name of state `number`, e.g. `PRE_COPY`; undefined if it is none. */
export function migStateName(number: number): StateName | undefined {
  return STATE_NAMES[number];
}

/** Does a device with these migration flags have state `number`? False for ERROR and for what is no state. */
export function migStateSupported(flags: number, number: number): number is ReachableState {
  const need = needed[number];
  return need !== undefined && (need & flags) >>> 0 === need;
}

/** The state machine's one function, on an object so that a lab can plant a defect in its place. */
export interface MigrationFsm {
  /**
   * vfio_mig_get_next_state: the first step from `current` to `target`, two numbers nobody has checked. Refused: a state
   * the device lacks, ERROR on either side, a forbidden arc (STOP_COPY to PRE_COPY). `current === target` is no step.
   */
  next(flags: number, current: number, target: number): NextState;
}

/** The state machine in force. */
export const migrationFsm: MigrationFsm = {
  next(flags, current, target) {
    if (!migStateSupported(flags, current)) return MIG_REFUSED; // a driver's mistake: the kernel warns here
    if (!migStateSupported(flags, target)) return MIG_REFUSED;
    let step = firstStep[current]![target]!;
    // ERROR ends the search: it needs flags no device has and leads only to itself, so skipping it would never end.
    while (step !== MIG_STATE.ERROR && !migStateSupported(flags, step)) step = firstStep[step]![target]!;
    return step === MIG_STATE.ERROR ? MIG_REFUSED : step;
  },
};

/** The states a walk visits, `from` and `to` included, or {@link MIG_REFUSED} (then the walk never leaves `from`). */
export function migrationPath(flags: number, from: number, to: number): MigState[] | typeof MIG_REFUSED {
  const path = [from as MigState];
  for (let state = from; state !== to; ) {
    const next = migrationFsm.next(flags, state, to);
    if (next === MIG_REFUSED) return MIG_REFUSED;
    if (path.includes(next)) throw new HangError(`migration path ${from} to ${to} visits state ${next} twice`);
    path.push(next);
    state = next;
  }
  return path;
}

/** One step between two states. */
export interface Arc {
  readonly from: ReachableState;
  readonly to: ReachableState;
}

/** The arcs a driver with these flags has to implement: every pair whose path is a single step. */
export function migrationArcs(flags: number): Arc[] {
  const states = Object.values(MIG_STATE).filter((state) => migStateSupported(flags, state));
  return states.flatMap((from) =>
    states.filter((to) => to !== from && migrationFsm.next(flags, from, to) === to).map((to) => ({ from, to })),
  );
}

/** Arcs that hand out a data file, and its side: what the user may do with it. */
export const DATA_FILE_ARCS: readonly (Arc & { readonly side: 'read' | 'write' })[] = [
  { from: MIG_STATE.RUNNING, to: MIG_STATE.PRE_COPY, side: 'read' },
  { from: MIG_STATE.RUNNING_P2P, to: MIG_STATE.PRE_COPY_P2P, side: 'read' },
  { from: MIG_STATE.STOP, to: MIG_STATE.STOP_COPY, side: 'read' },
  { from: MIG_STATE.STOP, to: MIG_STATE.RESUMING, side: 'write' },
];

/** Arcs that end a session: its data file answers ENODEV from then on. A reset and the last close do the same. */
export const SESSION_END_ARCS: readonly Arc[] = [
  { from: MIG_STATE.STOP_COPY, to: MIG_STATE.STOP },
  { from: MIG_STATE.RESUMING, to: MIG_STATE.STOP },
  { from: MIG_STATE.PRE_COPY, to: MIG_STATE.RUNNING },
  { from: MIG_STATE.PRE_COPY_P2P, to: MIG_STATE.RUNNING_P2P },
];
