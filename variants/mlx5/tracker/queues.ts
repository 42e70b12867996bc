/**
 * The connection over which the card reports dirty pages: a completion queue, a receiving queue pair with its buffers,
 * and the card's end (drivers/vfio/pci/mlx5/cmd.c: mlx5vf_create_cq, mlx5vf_create_rc_qp, mlx5vf_activate_qp).
 */
import { bytesOf, viewOf, zeroedBytes, zeroedView } from '../../../src/kernel/bytes.ts';
import type { DmaBuffer } from '../../../src/kernel/pci/dma-buffer.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { setAddress } from '../core/command.ts';
import { PAGE } from '../core/object-commands.ts';
import type { RingMemory } from '../core/queue-commands.ts';
import { DataBuffer } from '../data-buffer.ts';
import type { Mlx5VfDevice } from '../device.ts';

/** Receive buffers in all: at least this much, and room for four messages. */
const RECEIVE_BYTES = 0x20_0000;
const LEAST_MESSAGES = 4;

/** A completion (include/linux/mlx5/device.h: mlx5_cqe64), and a receive request (mlx5_wqe_data_seg); big-endian. */
const CQE = { IMMEDIATE: 0x24, BYTE_CNT: 0x2c, WQE_COUNTER: 0x3c, OP_OWN: 0x3f, SIZE: 0x40 } as const;
const OPCODE = { RESP_SEND_IMM: 3, INVALID: 0xf } as const;
const SEGMENT = 0x10;
/** Doorbell records of completion queue and queue pair lie in one page, apart from each other. */
const RECORD = { CQ: 0x00, HOST_QP: 0x40, CARD_QP: 0x80 } as const;

/** A page of completions that are none yet (mlx5_cqe64: op_own). */
const INVALID = new Uint8Array(PAGE);
for (let at = 0; at < PAGE; at += CQE.SIZE) INVALID[at + CQE.OP_OWN] = OPCODE.INVALID << 4;

/** One message that arrived. */
export interface Message {
  /** Its buffer's number, and its length in bytes. */
  readonly index: number;
  readonly length: number;
  readonly immediate: number;
}

/** Nothing there yet, or a completion that tells of an error. */
export type PollResult = Message | 'empty' | 'error';

export class TrackerQueues {
  readonly device: Mlx5VfDevice;
  readonly messageBytes: number;
  pd = 0;
  cqn = 0;
  hostQpn = 0;
  cardQpn = 0;
  private readonly logEntries: number;
  private readonly memory: DmaBuffer[] = [];
  private receive: DataBuffer | undefined;
  private completions!: DmaBuffer;
  private requests!: DmaBuffer;
  private records!: DmaBuffer;
  private consumed = 0;
  private posted = 0;
  private readonly word = zeroedView(4);
  private readonly wordBytes = bytesOf(this.word);

  /** `logMessage`: log2 of the longest message in bytes. */
  constructor(device: Mlx5VfDevice, logMessage: number) {
    this.device = device;
    this.messageBytes = 2 ** logMessage;
    const bytes = Math.max(RECEIVE_BYTES, LEAST_MESSAGES * this.messageBytes);
    this.logEntries = Math.ceil(Math.log2(bytes / this.messageBytes));
  }

  /** Makes everything and connects both ends; 0, or a negated errno. What was made is given back by {@link free}. */
  *open(): Task<number> {
    const { parent } = this.device;
    const pd = yield* this.device.commands.allocPd();
    if (pd < 0) return pd;
    this.pd = pd;
    // Before each queue: its ring and its doorbell record, and the command that names their pages.
    if (this.device.noMemory() || this.device.noMemory() || this.device.noMemory()) return -ERRNO.ENOMEM;
    this.records = this.allocate(PAGE);
    const entries = 2 ** this.logEntries;
    this.completions = this.allocate(entries * CQE.SIZE);
    this.invalidate(entries);
    const cqn = yield* parent.call('createCq', { ring: this.ring(this.completions, this.logEntries, RECORD.CQ) });
    if (cqn < 0) return cqn;
    this.cqn = cqn;
    if (this.device.noMemory() || this.device.noMemory() || this.device.noMemory()) return -ERRNO.ENOMEM;
    this.requests = this.allocate(entries * SEGMENT);
    const host = this.ring(this.requests, this.logEntries, RECORD.HOST_QP);
    const hostQpn = yield* parent.call('createQp', { pd, cqn, ring: host });
    if (hostQpn < 0) return hostQpn;
    this.hostQpn = hostQpn;
    const received = yield* this.openReceive(entries * this.messageBytes);
    if (received < 0) return received;
    if (this.device.noMemory() || this.device.noMemory() || this.device.noMemory()) return -ERRNO.ENOMEM;
    const card = this.ring(this.allocate(PAGE), 0, RECORD.CARD_QP);
    const cardQpn = yield* parent.call('createQp', { pd, cqn, ring: card });
    if (cardQpn < 0) return cardQpn;
    this.cardQpn = cardQpn;
    return yield* this.connect(entries);
  }

  /** The next completion (mlx5vf_cq_poll_one). */
  poll(): PollResult {
    const entries = 2 ** this.logEntries;
    const bytes = zeroedBytes(CQE.SIZE);
    this.completions.read((this.consumed & (entries - 1)) * CQE.SIZE, bytes);
    const opcode = bytes[CQE.OP_OWN]! >>> 4;
    // The owner bit turns over with every round of the ring.
    const owner = (this.consumed & entries) === 0 ? 0 : 1;
    if (opcode === OPCODE.INVALID || (bytes[CQE.OP_OWN]! & 1) !== owner) return 'empty';
    this.consumed = (this.consumed + 1) & 0xff_ffff;
    if (opcode !== OPCODE.RESP_SEND_IMM) return 'error';
    const view = viewOf(bytes);
    return {
      index: view.getUint16(CQE.WQE_COUNTER) & (entries - 1),
      length: view.getUint32(CQE.BYTE_CNT),
      immediate: view.getUint32(CQE.IMMEDIATE),
    };
  }

  /** The bytes of a message; undefined if the card claims more than a buffer holds. */
  payload({ index, length }: Message): DataView | undefined {
    if (length > this.messageBytes) return undefined;
    const bytes = zeroedBytes(length);
    if (length > 0) this.receive!.read(index * this.messageBytes, bytes);
    return viewOf(bytes);
  }

  /** Gives the buffer of a message that was read back to the card. */
  repost({ index }: Message): void {
    this.post(index);
    this.setRecord(RECORD.CQ, this.consumed);
  }

  /** Everything goes, in reverse order. */
  *free(): Task<void> {
    const { parent } = this.device;
    if (this.cardQpn > 0) yield* parent.call('destroyQp', { qpn: this.cardQpn });
    if (this.receive !== undefined) yield* this.receive.free();
    if (this.hostQpn > 0) yield* parent.call('destroyQp', { qpn: this.hostQpn });
    if (this.cqn > 0) yield* parent.call('destroyCq', { cqn: this.cqn });
    if (this.pd > 0) yield* this.device.commands.deallocPd(this.pd);
    for (const buffer of this.memory.splice(0)) buffer.free();
  }

  private *openReceive(bytes: number): Task<number> {
    this.receive = new DataBuffer(this.device, this.pd);
    const added = this.receive.addPages(bytes / PAGE);
    return added < 0 ? added : yield* this.receive.map();
  }

  private *connect(entries: number): Task<number> {
    const { parent } = this.device;
    let result = yield* parent.call('rst2Init', { qpn: this.hostQpn });
    if (result < 0) return result;
    this.postAll(entries);
    result = yield* parent.call('init2Rtr', { qpn: this.hostQpn, remote: this.cardQpn });
    if (result === 0) result = yield* parent.call('rst2Init', { qpn: this.cardQpn });
    if (result === 0) result = yield* parent.call('init2Rtr', { qpn: this.cardQpn, remote: this.hostQpn });
    return result === 0 ? yield* parent.call('rtr2Rts', { qpn: this.cardQpn }) : result;
  }

  /** mlx5vf_post_recv: buffer `index` is the next the card may write. */
  private post(index: number): void {
    const segment = zeroedView(SEGMENT);
    this.describe(segment, 0, index);
    const at = (this.posted & ((1 << this.logEntries) - 1)) * SEGMENT;
    this.requests.write(at, bytesOf(segment));
    this.posted = (this.posted + 1) & 0xffff;
    this.setRecord(RECORD.HOST_QP, this.posted);
  }

  /** All buffers of a new queue, in order. */
  private postAll(entries: number): void {
    const segments = zeroedView(entries * SEGMENT);
    for (let index = 0; index < entries; index++) this.describe(segments, index * SEGMENT, index);
    this.requests.write(0, bytesOf(segments));
    this.posted = entries;
    this.setRecord(RECORD.HOST_QP, entries);
  }

  private describe(segments: DataView, at: number, index: number): void {
    segments.setUint32(at, this.messageBytes);
    segments.setUint32(at + 0x4, this.receive!.mkey);
    setAddress(segments, at + 0x8, index * this.messageBytes);
  }

  private setRecord(at: number, counter: number): void {
    this.word.setUint32(0, counter);
    this.records.write(at, this.wordBytes);
  }

  private invalidate(entries: number): void {
    const length = entries * CQE.SIZE;
    for (let at = 0; at < length; at += PAGE)
      this.completions.write(at, length - at < PAGE ? INVALID.subarray(0, length - at) : INVALID);
  }

  private allocate(length: number): DmaBuffer {
    const buffer = this.device.card.device.allocateDma(Math.ceil(length / PAGE) * PAGE);
    this.memory.push(buffer);
    return buffer;
  }

  private ring(memory: DmaBuffer, logSize: number, record: number): RingMemory {
    return { logSize, pages: [memory], record: this.records.iova + record };
  }
}
