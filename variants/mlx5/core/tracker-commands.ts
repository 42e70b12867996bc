/** Page trackers: general objects of type PAGE_TRACK (mlx5_ifc.h: page_track; drivers/vfio/pci/mlx5/cmd.c). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { type CommandOutput, errnoOf, OPCODE, PLAIN } from './command.ts';
import type { CommandQueue } from './command-queue.ts';

/** MLX5_OBJ_TYPE_PAGE_TRACK */
const PAGE_TRACK = 0x46;
/** Header of commands on general objects. */
const OBJECT = { TYPE: 0x06, ID: 0x08, CONTEXT: 0x10 } as const;
/** The object's context. */
const TRACK = {
  SELECT: 0x00,
  VHCA_ID: 0x0a,
  STATE_AND_SIZES: 0x10,
  QPN: 0x14,
  NUM_RANGES: 0x1b,
  RANGE_START: 0x20,
  LENGTH: 0x28,
  RANGES: 0x30,
} as const;
/** MODIFY changes the state and the range to report. */
const SELECT_RANGE = 3n;
const RANGE_SIZE = 16;

/** States of a tracker. */
export const TRACK_STATE = { TRACKING: 0, REPORTING: 1, ERROR: 2 } as const;

/** What is to be tracked. Addresses and lengths in bytes, logarithms to base 2. */
export interface TrackerSpec {
  readonly ranges: readonly { readonly start: bigint; readonly length: bigint }[];
  readonly logAddressSpace: number;
  readonly logPage: number;
  readonly logMessage: number;
  /** The card's end of the connection over which it reports. */
  readonly reportingQpn: number;
}

const idOf = ({ errno, view }: CommandOutput): number => (errno < 0 ? errno : view.getUint32(OBJECT.ID));
const stateOf = ({ errno, view }: CommandOutput): number =>
  errno < 0 ? errno : view.getUint8(OBJECT.CONTEXT + TRACK.STATE_AND_SIZES) >>> 4;

export class TrackerCommands {
  private readonly queue: CommandQueue;
  constructor(queue: CommandQueue) {
    this.queue = queue;
  }

  /** The new tracker's number, or a negated errno. */
  create(vhcaId: number, spec: TrackerSpec): Task<number> {
    const length = OBJECT.CONTEXT + TRACK.RANGES + RANGE_SIZE * spec.ranges.length;
    const input = object(this.queue, OPCODE.CREATE_GENERAL_OBJECT, 0, length);
    const at = OBJECT.CONTEXT;
    input.setUint16(at + TRACK.VHCA_ID, vhcaId);
    const sizes = (spec.logAddressSpace << 16) | (spec.logPage << 8) | spec.logMessage;
    input.setUint32(at + TRACK.STATE_AND_SIZES, (1 << 24) | sizes);
    input.setUint32(at + TRACK.QPN, spec.reportingQpn);
    input.setUint8(at + TRACK.NUM_RANGES, spec.ranges.length);
    spec.ranges.forEach((range, index) => {
      input.setBigUint64(at + TRACK.RANGES + RANGE_SIZE * index, range.start);
      input.setBigUint64(at + TRACK.RANGES + RANGE_SIZE * index + 8, range.length);
    });
    return this.queue.execute(input, PLAIN, idOf);
  }

  /** Starts a report of [start, start + length). */
  report(tracker: number, start: bigint, length: bigint): Task<number> {
    const input = object(this.queue, OPCODE.MODIFY_GENERAL_OBJECT, tracker, OBJECT.CONTEXT + TRACK.RANGES);
    const at = OBJECT.CONTEXT;
    input.setBigUint64(at + TRACK.SELECT, SELECT_RANGE);
    input.setUint32(at + TRACK.STATE_AND_SIZES, TRACK_STATE.REPORTING << 28);
    input.setBigUint64(at + TRACK.RANGE_START, start);
    input.setBigUint64(at + TRACK.LENGTH, length);
    return this.queue.execute(input, PLAIN, errnoOf);
  }

  /** The tracker's state, or a negated errno. */
  state(tracker: number): Task<number> {
    const input = object(this.queue, OPCODE.QUERY_GENERAL_OBJECT, tracker, PLAIN);
    return this.queue.execute(input, OBJECT.CONTEXT + TRACK.RANGES, stateOf);
  }

  destroy(tracker: number): Task<number> {
    return this.queue.execute(object(this.queue, OPCODE.DESTROY_GENERAL_OBJECT, tracker, PLAIN), PLAIN, errnoOf);
  }
}

function object(queue: CommandQueue, opcode: number, id: number, length: number): DataView {
  const view = queue.input(opcode, length);
  view.setUint16(OBJECT.TYPE, PAGE_TRACK);
  view.setUint32(OBJECT.ID, id);
  return view;
}
