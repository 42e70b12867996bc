/** A queue pair: as much of one as the page tracker needs to send its messages to the PF driver (mlx5 PRM, "QP"). */
import { bytesOf, zeroedView } from '../../bytes.ts';
import type { DmaPort } from '../../pci/model.ts';
import type { CompletionQueue } from './completion-queue.ts';
import type { Mkey } from './mkey.ts';
import type { PageList } from './page-list.ts';
import { getU64 } from './u64.ts';

export type QpState = 'RST' | 'INIT' | 'RTR' | 'RTS';

/** A receive work request: one data segment, big-endian (mlx5_wqe_data_seg). */
export const DATA_SEG = { BYTE_COUNT: 0x0, LKEY: 0x4, ADDR: 0x8, SIZE: 0x10 } as const;

/** What creating a queue pair says about it. */
export interface QpLayout {
  readonly pd: number;
  readonly logSize: number;
  readonly stride: number;
  readonly pages: PageList;
  /** Doorbell record: receive counter, 16 bits, in the first word. */
  readonly record: number;
}

/** How a message fared: no work request posted is not an error, the sender tries again (RNR). */
export type Delivery = 'delivered' | 'not-ready' | 'error';

export class QueuePair {
  readonly number: number;
  readonly layout: QpLayout;
  readonly cq: CompletionQueue;
  state: QpState = 'RST';
  remote = 0;
  users = 0;
  private consumer = 0;

  constructor(number: number, layout: QpLayout, cq: CompletionQueue) {
    this.number = number;
    this.layout = layout;
    this.cq = cq;
  }

  /** Takes a message into the next posted buffer and completes it. */
  receive(dma: DmaPort, payload: Uint8Array, immediate: number, mkeyOf: (key: number) => Mkey | undefined): Delivery {
    if (this.state !== 'RTR' && this.state !== 'RTS') return 'error';
    const word = zeroedView(4);
    if (!dma.read(this.layout.record, bytesOf(word))) return 'error';
    if (((word.getUint32(0) - this.consumer) & 0xffff) === 0) return 'not-ready';
    const { pages, logSize, stride, pd } = this.layout;
    const at = (this.consumer & ((1 << logSize) - 1)) * stride;
    const segment = zeroedView(DATA_SEG.SIZE);
    const request = pages.address(at);
    if (request === undefined || !dma.read(request, bytesOf(segment))) return 'error';
    const mkey = mkeyOf(segment.getUint32(DATA_SEG.LKEY));
    const address = getU64(segment, DATA_SEG.ADDR);
    if (mkey === undefined || mkey.pd !== pd || !mkey.access.localWrite) return 'error';
    if (payload.length > segment.getUint32(DATA_SEG.BYTE_COUNT) || !mkey.covers(address, payload.length))
      return 'error';
    if (!mkey.transfer(dma, address, payload, true)) return 'error';
    if (!this.cq.receive(dma, this.number, this.consumer, payload.length, immediate)) return 'error';
    this.consumer = (this.consumer + 1) & 0xffff;
    return 'delivered';
  }
}
