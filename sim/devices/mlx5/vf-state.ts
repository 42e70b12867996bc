/** All state of one VF, each field with its class: a field without one does not compile, and so is never forgotten. */
import { Icm } from './icm.ts';
import type { Job } from './job.ts';
import { QUEUE_WORDS, QUEUES, SCRATCHES } from './vf-registers.ts';

/** What changed since the last tracked save; exists only while the firmware tracks. */
export interface Changes {
  readonly pages: Set<number>;
  registers: boolean;
  /** A queue was set up or torn down: the initial data is worth sending again. */
  setup: boolean;
}

export interface VfState {
  /** Register file of each queue: register r at r / 4. */
  readonly queues: readonly Uint32Array[];
  readonly scratch: Uint32Array;
  /** Completions low, high; bytes low, high. */
  readonly counters: Uint32Array;
  icmWindow: number;
  readonly icm: Icm;
  /** Next completion sequence number of each queue. Not visible through the BAR. */
  readonly sequence: Uint32Array;
  /** Salt of the read-checksum job, made at reset from the VHCA's number. Not visible at all. */
  readonly key: Uint32Array;
  /** What SUSPEND_VHCA stopped. The destination has its own. */
  readonly suspended: { initiator: boolean; responder: boolean };
  changes: Changes | undefined;
  /** Jobs fetched and not completed; suspending completes them, so a final image never has one. */
  readonly inflight: (Job | undefined)[];
  /** Queues with a fetch on the way, one bit each: follows from the counts when the initiator resumes. */
  scheduled: number;
}

/** saved: in the image. derived: follows from saved fields. host-only: belongs to this card, not to the migrated device. */
export type FieldClass = 'saved' | 'derived' | 'host-only';
export const CLASS = {
  queues: 'saved',
  scratch: 'saved',
  counters: 'saved',
  icmWindow: 'saved',
  icm: 'saved',
  sequence: 'saved',
  key: 'saved',
  suspended: 'host-only',
  changes: 'host-only',
  inflight: 'host-only',
  scheduled: 'derived',
} as const satisfies Record<keyof VfState, FieldClass>;

export function newState(icmBytes: number, vhca: number): VfState {
  const state: VfState = {
    queues: newQueues(),
    scratch: new Uint32Array(SCRATCHES),
    counters: new Uint32Array(4),
    icmWindow: 0,
    icm: new Icm(icmBytes),
    sequence: new Uint32Array(QUEUES),
    key: new Uint32Array(2),
    suspended: { initiator: false, responder: false },
    changes: undefined,
    inflight: new Array(QUEUES).fill(undefined),
    scheduled: 0,
  };
  setKey(state, vhca);
  return state;
}

/** Back to power-on. */
export function resetState(state: VfState, vhca: number): void {
  for (const words of state.queues) words.fill(0);
  state.scratch.fill(0);
  state.counters.fill(0);
  state.icmWindow = 0;
  state.icm.clear();
  state.sequence.fill(0);
  setKey(state, vhca);
  state.suspended.initiator = false;
  state.suspended.responder = false;
  state.changes = undefined;
  state.inflight.fill(undefined);
  state.scheduled = 0;
}

/** Four small arrays rather than one: small ones live on the JavaScript heap and cost a fifth. */
export function newQueues(): Uint32Array[] {
  const queues: Uint32Array[] = [];
  for (let queue = 0; queue < QUEUES; queue++) queues.push(new Uint32Array(QUEUE_WORDS));
  return queues;
}

function setKey(state: VfState, vhca: number): void {
  state.key[0] = Math.imul(vhca + 1, 0x9e3779b1);
  state.key[1] = Math.imul(vhca + 1, 0x85ebca77) ^ 0x5ec2e7;
}

/** Adds to a 64-bit counter: 0 completions, 2 bytes. */
export function count(state: VfState, at: 0 | 2, amount: number): void {
  const low = state.counters[at]! + amount;
  state.counters[at] = low >>> 0;
  if (low > 0xffff_ffff) state.counters[at + 1]! += Math.floor(low / 0x1_0000_0000);
}
