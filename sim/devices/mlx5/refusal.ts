/**
 * Every reason for which the firmware refuses a command, as data. `illegal` marks what no correct driver ever asks for
 * (wrong order, foreign ids, bad memory); the rest can be caused by what a user supplied, or by a reset in between.
 */
import { STATUS } from './status.ts';

export interface Refusal {
  readonly reason: string;
  /** First output byte. */
  readonly status: number;
  /** Output bytes 4-7: tells reasons of equal status apart. */
  readonly syndrome: number;
  readonly illegal: boolean;
}

const S = STATUS;
let next = 0x00a1_0001;
const driver = (reason: string, status: number): Refusal => ({ reason, status, syndrome: next++, illegal: true });
const world = (reason: string, status: number): Refusal => ({ reason, status, syndrome: next++, illegal: false });

export const REFUSAL = {
  // the command itself
  UNKNOWN_OPCODE: driver('unknown opcode', S.BAD_OP_ERR),
  UNKNOWN_OP_MOD: driver('unknown op_mod', S.BAD_PARAM_ERR),
  FOREIGN_UID: driver('uid is not the kernel', S.BAD_RES_ERR),
  SHORT_INPUT: driver('input too short', S.BAD_INP_LEN_ERR),
  SHORT_OUTPUT: driver('output too short', S.BAD_OUTP_LEN_ERR),
  UNKNOWN_FUNCTION: driver('no such function_id', S.BAD_RES_ERR),
  UNSUPPORTED: driver('capability is off', S.BAD_OP_ERR),
  // migration
  UNKNOWN_VHCA: driver('no such vhca_id', S.BAD_RES_ERR),
  ALREADY_SUSPENDED: driver('already suspended', S.BAD_RES_STATE_ERR),
  NOT_SUSPENDED: driver('not suspended', S.BAD_RES_STATE_ERR),
  WRONG_ORDER: driver('initiator and responder in the wrong order', S.BAD_RES_STATE_ERR),
  TRACK_SUSPENDED: driver('set_track on a suspended VHCA', S.BAD_RES_STATE_ERR),
  NOT_TRACKED: driver('incremental without tracking', S.BAD_RES_STATE_ERR),
  /** What would be wrong order, had a reset not taken the state away under the driver's hands. */
  AFTER_RESET: world('the VHCA was reset', S.BAD_RES_STATE_ERR),
  TRACKED: driver('load into a VHCA that is being saved', S.BAD_RES_STATE_ERR),
  SAVE_RUNNING: driver('a save of this VHCA is in flight', S.RES_BUSY),
  SAVE_RESET: world('the VHCA was reset while being saved', S.BAD_RES_STATE_ERR),
  NO_TRACKING_CONTEXT: world('no tracking context left', S.NO_RES_ERR),
  BAD_IMAGE: world('image refused', S.BAD_PARAM_ERR),
  IMAGE_ORDER: world('image does not continue what was loaded', S.BAD_PARAM_ERR),
  BUFFER_TOO_SMALL: world('buffer too small for the image', S.BAD_PARAM_ERR),
  BAD_MEMORY: driver('memory cannot be reached', S.INT_ERR),
  // objects
  UNKNOWN_PD: driver('no such pd', S.BAD_RES_ERR),
  UNKNOWN_MKEY: driver('no such mkey', S.BAD_RES_ERR),
  UNKNOWN_CQ: driver('no such cqn', S.BAD_RES_ERR),
  UNKNOWN_QP: driver('no such qpn', S.BAD_RES_ERR),
  UNKNOWN_OBJECT: driver('no such object', S.BAD_RES_ERR),
  IN_USE: driver('object is in use', S.RES_BUSY),
  OUTSIDE_MKEY: driver('outside the mkey', S.BAD_PARAM_ERR),
  MKEY_ACCESS: driver('the mkey does not allow the access', S.BAD_PARAM_ERR),
  BAD_CONTEXT: driver('context field out of range', S.BAD_PARAM_ERR),
  QP_STATE: driver('transition from the wrong QP state', S.BAD_QP_STATE_ERR),
  LIMIT: world('no more objects of this kind', S.LIM_ERR),
  // page tracker
  SECOND_TRACKER: driver('the VHCA has a tracker', S.LIM_ERR),
  REPORTING: driver('a report is running', S.RES_BUSY),
  BAD_RANGES: world('ranges cannot be tracked', S.BAD_PARAM_ERR),
  TRACKER_ERROR: world('tracker is in error', S.BAD_RES_STATE_ERR),
} as const satisfies Record<string, Refusal>;

/** A failure that a test injects. */
export function injected(status: number): Refusal {
  return { reason: 'injected', status, syndrome: 0x00a1_ffff, illegal: false };
}
