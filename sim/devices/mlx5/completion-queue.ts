/** A completion queue in the PF driver's memory (mlx5 PRM; include/linux/mlx5/device.h: mlx5_cqe64). */
import { bytesOf, zeroedView } from '../../bytes.ts';
import type { DmaPort } from '../../pci/model.ts';
import type { PageList } from './page-list.ts';

/** Fields of a completion, 64 bytes, big-endian. */
export const CQE = {
  FLAGS_RQPN: 0x18,
  IMMEDIATE: 0x24,
  BYTE_CNT: 0x2c,
  WQE_COUNTER: 0x3c,
  /** Opcode 7:4, owner 0. */
  OP_OWN: 0x3f,
  SIZE: 0x40,
} as const;
export const CQE_OPCODE = { RESP_SEND_IMM: 0x3, INVALID: 0xf } as const;

export class CompletionQueue {
  readonly number: number;
  readonly vector: number;
  users = 0;
  private readonly entries: number;
  private readonly pages: PageList;
  /** Doorbell record: consumer index in the first word. */
  private readonly record: number;
  private producer = 0;

  constructor(number: number, logSize: number, pages: PageList, record: number, vector: number) {
    this.number = number;
    this.entries = 1 << logSize;
    this.pages = pages;
    this.record = record;
    this.vector = vector;
  }

  /** Writes one completion of a receive with immediate data. False: overrun, or memory out of reach. */
  receive(dma: DmaPort, qpn: number, wqe: number, length: number, immediate: number): boolean {
    const word = zeroedView(4);
    if (!dma.read(this.record, bytesOf(word))) return false;
    if (((this.producer - word.getUint32(0)) & 0xff_ffff) >= this.entries) return false;
    const view = zeroedView(CQE.SIZE);
    view.setUint32(CQE.FLAGS_RQPN, qpn);
    view.setUint32(CQE.IMMEDIATE, immediate);
    view.setUint32(CQE.BYTE_CNT, length);
    view.setUint16(CQE.WQE_COUNTER, wqe);
    // The owner bit turns over with each round of the ring, which is how software sees a new entry.
    const owner = (this.producer & this.entries) === 0 ? 0 : 1;
    view.setUint8(CQE.OP_OWN, (CQE_OPCODE.RESP_SEND_IMM << 4) | owner);
    const at = (this.producer & (this.entries - 1)) * CQE.SIZE;
    if (!dma.write(this.pages.address(at)!, bytesOf(view))) return false;
    this.producer = (this.producer + 1) & 0xff_ffff;
    return true;
  }
}
