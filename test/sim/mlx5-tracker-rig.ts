/** The PF driver's side of page tracking: queues in its memory, a tracker, and reading its reports. */
import { CREATE_CQ_IN } from '../../sim/devices/mlx5/commands/cq.ts';
import { OBJ_IN, OBJ_OUT, OBJ_TYPE_PAGE_TRACK, PAGE_TRACK } from '../../sim/devices/mlx5/commands/general-object.ts';
import { CMD_OP } from '../../sim/devices/mlx5/commands/opcodes.ts';
import { CREATE_QP_IN, MODIFY_QP_IN } from '../../sim/devices/mlx5/commands/qp.ts';
import { CQE, CQE_OPCODE } from '../../sim/devices/mlx5/completion-queue.ts';
import { TRACKER_STATE } from '../../sim/devices/mlx5/page-tracker.ts';
import { DATA_SEG } from '../../sim/devices/mlx5/queue-pair.ts';
import { getU64, setU64 } from '../../sim/devices/mlx5/u64.ts';
import type { Answer, Mapped, Rig } from './mlx5-rig.ts';

const LOG_ENTRIES = 4;
const ENTRIES = 1 << LOG_ENTRIES;
const MESSAGE = 4096;

export class Tracking {
  readonly rig: Rig;
  readonly qpn: number;
  /** The firmware's end. */
  readonly sender: number;
  private readonly cq: Mapped;
  private readonly rq: Mapped;
  private readonly records: Mapped;
  private readonly buffer: { key: number; memory: Mapped };
  private posted = 0;
  private consumed = 0;

  constructor(rig: Rig, buffers = ENTRIES) {
    this.rig = rig;
    const pd = rig.pd();
    this.cq = rig.allocate(4096);
    this.rq = rig.allocate(4096);
    this.records = rig.allocate(4096);
    this.buffer = rig.mkey(ENTRIES * MESSAGE, pd);
    for (let i = 0; i < ENTRIES; i++)
      rig.poke(this.cq, i * CQE.SIZE + CQE.OP_OWN, new Uint8Array([CQE_OPCODE.INVALID << 4]));
    const cq = new DataView(new ArrayBuffer(CREATE_CQ_IN.PAS + 8));
    cq.setUint32(CREATE_CQ_IN.LOG_CQ_SIZE, LOG_ENTRIES << 24);
    cq.setUint32(CREATE_CQ_IN.C_EQN, 2);
    setU64(cq, CREATE_CQ_IN.DBR_ADDR, this.records.iova + 64);
    setU64(cq, CREATE_CQ_IN.PAS, this.cq.iova);
    const cqn = rig.command(CMD_OP.CREATE_CQ, cq).out.getUint32(8);
    this.qpn = this.createQp(pd, cqn);
    this.sender = this.createQp(pd, cqn);
    this.connect(this.qpn, this.sender);
    this.connect(this.sender, this.qpn);
    rig.command(CMD_OP.RTR2RTS_QP, this.transition(this.sender));
    this.postBuffers(buffers);
  }

  /** Gives the device `count` more buffers. */
  postBuffers(count: number): void {
    for (let i = 0; i < count; i++, this.posted++) {
      const index = this.posted % ENTRIES;
      const segment = new DataView(new ArrayBuffer(DATA_SEG.SIZE));
      segment.setUint32(DATA_SEG.BYTE_COUNT, MESSAGE);
      segment.setUint32(DATA_SEG.LKEY, this.buffer.key);
      setU64(segment, DATA_SEG.ADDR, index * MESSAGE);
      this.rig.poke(this.rq, index * DATA_SEG.SIZE, new Uint8Array(segment.buffer));
    }
    this.rig.poke(this.records, 0, new Uint8Array([0, 0, this.posted >> 8, this.posted]));
  }

  create(vf: number, ranges: readonly (readonly [number, number])[], logPage = 12): Answer {
    const input = new DataView(new ArrayBuffer(PAGE_TRACK.RANGES + 16 * ranges.length));
    input.setUint16(OBJ_IN.TYPE, OBJ_TYPE_PAGE_TRACK);
    input.setUint16(PAGE_TRACK.VHCA_ID, this.rig.vhca(vf));
    input.setUint32(PAGE_TRACK.STATE, (1 << 24) | (40 << 16) | (logPage << 8) | 12);
    input.setUint32(PAGE_TRACK.REPORTING_QPN, this.sender);
    input.setUint8(PAGE_TRACK.NUM_RANGES, ranges.length);
    ranges.forEach(([start, length], i) => {
      setU64(input, PAGE_TRACK.RANGES + 16 * i, start);
      setU64(input, PAGE_TRACK.RANGES + 16 * i + 8, length);
    });
    return this.rig.command(CMD_OP.CREATE_GENERAL_OBJECT, input);
  }

  /** Creates a tracker and gives its number. */
  track(vf: number, ranges: readonly (readonly [number, number])[], logPage = 12): number {
    const { status, out } = this.create(vf, ranges, logPage);
    if (status !== 0) throw new Error(`no tracker: ${status}`);
    return out.getUint32(OBJ_OUT.ID);
  }

  modify(tracker: number, start: number, length: number): Answer {
    const input = new DataView(new ArrayBuffer(PAGE_TRACK.RANGES));
    input.setUint16(OBJ_IN.TYPE, OBJ_TYPE_PAGE_TRACK);
    input.setUint32(OBJ_IN.ID, tracker);
    setU64(input, PAGE_TRACK.MODIFY_FIELD_SELECT, 3);
    input.setUint32(PAGE_TRACK.STATE, TRACKER_STATE.REPORTING << 28);
    setU64(input, PAGE_TRACK.RANGE_START, start);
    setU64(input, PAGE_TRACK.LENGTH, length);
    return this.rig.command(CMD_OP.MODIFY_GENERAL_OBJECT, input);
  }

  object(opcode: number, tracker: number): Answer {
    const input = new DataView(new ArrayBuffer(16));
    input.setUint16(OBJ_IN.TYPE, OBJ_TYPE_PAGE_TRACK);
    input.setUint32(OBJ_IN.ID, tracker);
    return this.rig.command(opcode, input, PAGE_TRACK.RANGES);
  }

  state(tracker: number): number {
    return this.object(CMD_OP.QUERY_GENERAL_OBJECT, tracker).out.getUint32(PAGE_TRACK.STATE) >>> 28;
  }

  /** Takes the messages that have come, giving each buffer back unless `keep`. */
  messages(keep = false): { state: number; pages: number[] }[] {
    const found: { state: number; pages: number[] }[] = [];
    for (;;) {
      const index = this.consumed % ENTRIES;
      const cqe = new DataView(this.rig.bytes(this.cq, index * CQE.SIZE, CQE.SIZE).buffer);
      const own = cqe.getUint8(CQE.OP_OWN);
      if (own >> 4 === CQE_OPCODE.INVALID || (own & 1) !== ((this.consumed >> LOG_ENTRIES) & 1)) return found;
      const bytes = this.rig.bytes(this.buffer.memory, index * MESSAGE, cqe.getUint32(CQE.BYTE_CNT));
      const view = new DataView(bytes.buffer);
      const pages = Array.from({ length: bytes.length / 8 }, (_, i) => getU64(view, 8 * i));
      found.push({ state: cqe.getUint32(CQE.IMMEDIATE) >>> 28, pages });
      this.consumed++;
      this.rig.poke(this.records, 64, new Uint8Array([0, 0, this.consumed >> 8, this.consumed]));
      if (!keep) this.postBuffers(1);
    }
  }

  /** Reports a range and gives the pages. */
  report(tracker: number, start: number, length: number): number[] {
    const { status } = this.modify(tracker, start, length);
    if (status !== 0) throw new Error(`no report: ${status}`);
    const pages: number[] = [];
    for (let last = false; !last; ) {
      const messages = this.messages();
      for (const message of messages) {
        pages.push(...message.pages);
        last = message.state === TRACKER_STATE.TRACKING;
      }
      if (messages.length === 0 && !this.rig.hardware.scheduler.step()) throw new Error('the report never ends');
    }
    return pages;
  }

  private createQp(pd: number, cqn: number): number {
    const input = new DataView(new ArrayBuffer(CREATE_QP_IN.PAS + 8));
    input.setUint32(CREATE_QP_IN.PD, pd);
    input.setUint32(CREATE_QP_IN.RQ, LOG_ENTRIES << 19);
    input.setUint32(CREATE_QP_IN.CQN_SND, cqn);
    input.setUint32(CREATE_QP_IN.CQN_RCV, cqn);
    setU64(input, CREATE_QP_IN.DBR_ADDR, this.records.iova);
    setU64(input, CREATE_QP_IN.PAS, this.rq.iova);
    return this.rig.command(CMD_OP.CREATE_QP, input).out.getUint32(8);
  }

  private connect(qpn: number, remote: number): void {
    this.rig.command(CMD_OP.RST2INIT_QP, this.transition(qpn));
    const input = this.transition(qpn);
    input.setUint32(MODIFY_QP_IN.REMOTE_QPN, remote);
    this.rig.command(CMD_OP.INIT2RTR_QP, input);
  }

  private transition(qpn: number): DataView {
    const input = new DataView(new ArrayBuffer(MODIFY_QP_IN.SIZE));
    input.setUint32(MODIFY_QP_IN.QPN, qpn);
    return input;
  }
}
