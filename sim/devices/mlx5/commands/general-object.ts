/** CREATE, MODIFY, QUERY and DESTROY_GENERAL_OBJECT for the one type there is (mlx5_ifc.h: page_track). */
import type { Command, CommandKind, Outcome } from '../command.ts';
import type { Firmware } from '../firmware.ts';
import { PageTracker, TRACKER_STATE, type TrackedRange } from '../page-tracker.ts';
import { REFUSAL } from '../refusal.ts';
import { startReport } from '../tracker-report.ts';
import { getU64, setU64 } from '../u64.ts';
import { TRACK_CAP } from './hca-cap.ts';
import { namedVhca } from './named-vhca.ts';
import { CMD_OP } from './opcodes.ts';

/** general_obj_in_cmd_hdr, general_obj_out_cmd_hdr. */
export const OBJ_IN = { TYPE: 0x06, ID: 0x08, SIZE: 0x10 } as const;
export const OBJ_OUT = { ID: 0x08, SIZE: 0x10 } as const;
export const OBJ_TYPE_PAGE_TRACK = 0x46;

/** The context, after the header of input and output. */
const TRACK = 0x10;
export const PAGE_TRACK = {
  /** Bits 0 and 1: range_start and length are to be taken. */
  MODIFY_FIELD_SELECT: TRACK + 0x00,
  VHCA_ID: TRACK + 0x0a,
  /** state 31:28, track_type 27:24, log_addr_space_size 23:16, log_page_size 12:8, log_msg_size 4:0. */
  STATE: TRACK + 0x10,
  /** 23:0. */
  REPORTING_QPN: TRACK + 0x14,
  NUM_RANGES: TRACK + 0x1b,
  RANGE_START: TRACK + 0x20,
  LENGTH: TRACK + 0x28,
  /** start u64, length u64 each. */
  RANGES: TRACK + 0x30,
} as const;
export const RANGE_SIZE = 0x10;
const CONTEXT_END = PAGE_TRACK.RANGES;
const SELECT_RANGE = 3;
const TRACK_TYPE_DIRTY = 1;

function within(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

/**
 * The ranges of a CREATE; undefined: not there, too many, empty, or more than the address space holds. They may lie anywhere
 * in 64 bits: beyond 2^53 numbers are inexact, but there no VF can write.
 */
function readRanges(command: Command, logAddrSpace: number): TrackedRange[] | undefined {
  const count = command.in.getUint8(PAGE_TRACK.NUM_RANGES);
  if (!within(count, 1, TRACK_CAP.max_num_range)) return undefined;
  if (PAGE_TRACK.RANGES + count * RANGE_SIZE > command.in.byteLength) return undefined;
  const ranges: TrackedRange[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const start = getU64(command.in, PAGE_TRACK.RANGES + i * RANGE_SIZE);
    const length = getU64(command.in, PAGE_TRACK.RANGES + i * RANGE_SIZE + 8);
    if (length === 0) return undefined;
    total += length;
    ranges.push({ start, length });
  }
  return total <= 2 ** logAddrSpace ? ranges : undefined;
}

function create(firmware: Firmware, command: Command): Outcome {
  if (!firmware.settings.capabilities.adv_virtualization) return REFUSAL.UNSUPPORTED;
  const { objects } = firmware;
  const vhca = namedVhca(firmware, command, PAGE_TRACK.VHCA_ID);
  if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
  const word = command.in.getUint32(PAGE_TRACK.STATE);
  const log = { addrSpace: (word >>> 16) & 0xff, page: (word >>> 8) & 0x1f, msg: word & 0x1f };
  const cap = TRACK_CAP;
  if (
    word >>> 24 !== TRACK_TYPE_DIRTY ||
    !within(log.addrSpace, cap.log_min_addr_space, cap.log_max_addr_space) ||
    !within(log.page, cap.log_min_page, cap.log_max_page) ||
    !within(log.msg, cap.log_min_msg, firmware.settings.logMaxMessage)
  )
    return REFUSAL.BAD_CONTEXT;
  const ranges = readRanges(command, log.addrSpace);
  if (ranges === undefined) return REFUSAL.BAD_RANGES;
  const qp = objects.qp.get(command.in.getUint32(PAGE_TRACK.REPORTING_QPN) & 0xff_ffff);
  if (qp === undefined) return REFUSAL.UNKNOWN_QP;
  if (qp.state !== 'RTS') return REFUSAL.QP_STATE;
  if (vhca.tracker !== undefined) return REFUSAL.SECOND_TRACKER;
  if (objects.tracker.full) return REFUSAL.LIMIT;
  const tracker = objects.tracker.add((number) => new PageTracker(number, vhca, qp.number, log, ranges));
  vhca.tracker = tracker;
  qp.users++;
  command.out.setUint32(OBJ_OUT.ID, tracker.number);
  firmware.touch('create tracker');
  firmware.touchVhca(vhca, 'create tracker');
  return undefined;
}

function modify(firmware: Firmware, command: Command, tracker: PageTracker): Outcome {
  if (command.in.byteLength < CONTEXT_END) return REFUSAL.SHORT_INPUT;
  if (tracker.state === TRACKER_STATE.ERROR) return REFUSAL.TRACKER_ERROR;
  if (tracker.state === TRACKER_STATE.REPORTING) return REFUSAL.REPORTING;
  const state = command.in.getUint32(PAGE_TRACK.STATE) >>> 28;
  const select = getU64(command.in, PAGE_TRACK.MODIFY_FIELD_SELECT);
  const start = getU64(command.in, PAGE_TRACK.RANGE_START);
  const length = getU64(command.in, PAGE_TRACK.LENGTH);
  if (state !== TRACKER_STATE.REPORTING || select !== SELECT_RANGE) return REFUSAL.BAD_CONTEXT;
  startReport(firmware, tracker, start, length);
  firmware.touchVhca(tracker.vhca, 'report');
  return undefined;
}

function query(_firmware: Firmware, command: Command, tracker: PageTracker): Outcome {
  if (command.out.byteLength < CONTEXT_END) return REFUSAL.SHORT_OUTPUT;
  const { out } = command;
  out.setUint16(PAGE_TRACK.VHCA_ID, tracker.vhca.id);
  const sizes = (tracker.logAddrSpace << 16) | (tracker.logPage << 8) | tracker.logMsg;
  out.setUint32(PAGE_TRACK.STATE, ((tracker.state << 28) | (TRACK_TYPE_DIRTY << 24) | sizes) >>> 0);
  out.setUint32(PAGE_TRACK.REPORTING_QPN, tracker.qpn);
  out.setUint8(PAGE_TRACK.NUM_RANGES, tracker.ranges.length);
  tracker.ranges.forEach(({ start, length }, i) => {
    const at = PAGE_TRACK.RANGES + i * RANGE_SIZE;
    if (at + RANGE_SIZE > out.byteLength) return;
    setU64(out, at, start);
    setU64(out, at + 8, length);
  });
  return undefined;
}

function destroy(firmware: Firmware, _command: Command, tracker: PageTracker): Outcome {
  const { objects } = firmware;
  objects.tracker.remove(tracker.number);
  tracker.report = undefined;
  if (tracker.vhca.tracker === tracker) tracker.vhca.tracker = undefined;
  objects.qp.get(tracker.qpn)!.users--;
  firmware.touch('destroy tracker');
  firmware.touchVhca(tracker.vhca, 'destroy tracker');
  return undefined;
}

/** A command on an existing object. */
function onTracker(
  opcode: number,
  name: string,
  run: (firmware: Firmware, command: Command, tracker: PageTracker) => Outcome,
): CommandKind {
  return {
    opcode,
    name,
    inlen: OBJ_IN.SIZE,
    outlen: OBJ_OUT.SIZE,
    run(firmware, command) {
      if (command.in.getUint16(OBJ_IN.TYPE) !== OBJ_TYPE_PAGE_TRACK) return REFUSAL.UNKNOWN_OBJECT;
      const tracker = firmware.objects.tracker.get(command.in.getUint32(OBJ_IN.ID));
      command.vhca = tracker?.vhca.id;
      return tracker === undefined ? REFUSAL.UNKNOWN_OBJECT : run(firmware, command, tracker);
    },
    opMods: 0xffff, // the object type stands in this field
  };
}

export const GENERAL_OBJECT_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.CREATE_GENERAL_OBJECT,
    name: 'CREATE_GENERAL_OBJECT',
    inlen: CONTEXT_END,
    outlen: OBJ_OUT.SIZE,
    opMods: 0xffff,
    run: (firmware, command) =>
      command.in.getUint16(OBJ_IN.TYPE) === OBJ_TYPE_PAGE_TRACK ? create(firmware, command) : REFUSAL.UNKNOWN_OBJECT,
  },
  onTracker(CMD_OP.MODIFY_GENERAL_OBJECT, 'MODIFY_GENERAL_OBJECT', modify),
  onTracker(CMD_OP.QUERY_GENERAL_OBJECT, 'QUERY_GENERAL_OBJECT', query),
  onTracker(CMD_OP.DESTROY_GENERAL_OBJECT, 'DESTROY_GENERAL_OBJECT', destroy),
];
