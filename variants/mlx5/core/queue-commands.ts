/** Completion queues and queue pairs, as far as the page tracker needs them (mlx5_ifc.h: cqc, qpc; mlx5/core/cq.c). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { errnoOf, numberOf, OPCODE, PLAIN, setAddress } from './command.ts';
import type { CommandQueue } from './command-queue.ts';
import { type PageRun, pageCount, writePages } from './object-commands.ts';

/** Memory of a queue: its ring, and the doorbell record the card reads the software's counter from. */
export interface RingMemory {
  readonly logSize: number;
  readonly pages: readonly PageRun[];
  readonly record: number;
}

const PAGES = 0x110;
const CQC = { LOG_SIZE: 0x10 + 0x0c, EQN: 0x10 + 0x14, RECORD: 0x10 + 0x38 } as const;
/** The context starts 0x18 bytes into CREATE_QP and the transitions alike. */
const QPC = {
  TYPE: 0x18 + 0x00,
  PD: 0x18 + 0x04,
  RQ: 0x18 + 0x08,
  PAGE_REMOTE: 0x18 + 0x14,
  CQN_RCV: 0x18 + 0x9c,
  RECORD: 0x18 + 0xa0,
} as const;
/** Reliable connection, migrated path. */
const RC_MIGRATED = 0x0000_1800;
const NO_SQ = 0x8000;
const TRANSITION = 0x100;

export class QueueCommands {
  private readonly queue: CommandQueue;
  constructor(queue: CommandQueue) {
    this.queue = queue;
  }

  /** The new completion queue's number, or a negated errno. `vector`: the MSI-X vector of its completions. */
  createCq(ring: RingMemory, vector: number): Task<number> {
    const input = this.queue.input(OPCODE.CREATE_CQ, PAGES + 8 * pageCount(ring.pages));
    input.setUint32(CQC.LOG_SIZE, ring.logSize << 24);
    input.setUint32(CQC.EQN, vector);
    setAddress(input, CQC.RECORD, ring.record);
    writePages(input, PAGES, ring.pages);
    return this.queue.execute(input, PLAIN, numberOf);
  }

  destroyCq(cqn: number): Task<number> {
    return this.byNumber(OPCODE.DESTROY_CQ, cqn, PLAIN);
  }

  /** A queue pair that only receives; entries of 16 bytes. Its number, or a negated errno. */
  createQp(pd: number, cqn: number, ring: RingMemory): Task<number> {
    const input = this.queue.input(OPCODE.CREATE_QP, PAGES + 8 * pageCount(ring.pages));
    input.setUint32(QPC.TYPE, RC_MIGRATED);
    input.setUint32(QPC.PD, pd);
    input.setUint32(QPC.RQ, (ring.logSize << 19) | NO_SQ);
    input.setUint32(QPC.CQN_RCV, cqn);
    setAddress(input, QPC.RECORD, ring.record);
    writePages(input, PAGES, ring.pages);
    return this.queue.execute(input, PLAIN, numberOf);
  }

  destroyQp(qpn: number): Task<number> {
    return this.byNumber(OPCODE.DESTROY_QP, qpn, PLAIN);
  }

  /** Reset to Init. */
  rst2Init(qpn: number): Task<number> {
    return this.byNumber(OPCODE.RST2INIT_QP, qpn, TRANSITION);
  }

  /** Init to Ready to Receive, connected with `remote`. */
  init2Rtr(qpn: number, remote: number): Task<number> {
    const input = this.queue.input(OPCODE.INIT2RTR_QP, TRANSITION);
    input.setUint32(0x08, qpn);
    input.setUint32(QPC.PAGE_REMOTE, remote);
    return this.queue.execute(input, PLAIN, errnoOf);
  }

  /** Ready to Receive to Ready to Send. */
  rtr2Rts(qpn: number): Task<number> {
    return this.byNumber(OPCODE.RTR2RTS_QP, qpn, TRANSITION);
  }

  private byNumber(opcode: number, number: number, length: number): Task<number> {
    const input = this.queue.input(opcode, length);
    input.setUint32(0x08, number);
    return this.queue.execute(input, PLAIN, errnoOf);
  }
}
