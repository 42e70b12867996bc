/** A VF as its driver sees it: the register file of vf-registers.ts over the state of vf-state.ts. */
import { zeroedBytes } from '../../bytes.ts';
import type { DeviceModel, DevicePorts, ResetKind } from '../../pci/model.ts';
import { Engine } from './engine.ts';
import { writeIcm } from './jobs.ts';
import type { Settings } from './options.ts';
import { VfDma } from './vf-dma.ts';
import {
  ICM_PAGE,
  ICM_WINDOW_AT,
  ICM_WINDOW_SIZE,
  Q,
  QUEUE_BASE,
  QUEUE_REGISTERS,
  QUEUE_STRIDE,
  QUEUE_WORDS,
  QUEUES,
  type QueueRegister,
  SCRATCHES,
  VF_BAR_SIZE,
  VF_ID,
  VF_REG,
  VF_VERSION,
} from './vf-registers.ts';
import { newState, resetState, type VfState } from './vf-state.ts';

/** What the VF asks of the card, and what it tells it. */
export interface VfHost {
  readonly vhcaId: number;
  /** Is the VF still there? */
  present(): boolean;
  /** The VF's partition changed. */
  touch(what: string): void;
  /** A DMA write of the VF reached memory. */
  wrote(iova: number, length: number): void;
  /** The VF is about to be reset: the firmware forgets its sessions. */
  beforeReset(): void;
}

const QUEUE_END = QUEUE_BASE + QUEUES * QUEUE_STRIDE;
const REGISTER_AT: readonly (QueueRegister | undefined)[] = Array.from({ length: QUEUE_WORDS }, (_, word) =>
  QUEUE_REGISTERS.find((register) => register.at === word * 4),
);

export class VfModel implements DeviceModel {
  readonly state: VfState;
  readonly engine: Engine;
  private readonly host: VfHost;

  constructor(ports: DevicePorts, host: VfHost, settings: Settings) {
    this.host = host;
    this.state = newState(settings.icmBytes, host.vhcaId);
    const dma = new VfDma(ports.dma, (iova, length) => host.wrote(iova, length));
    this.engine = new Engine(ports, this.state, dma, host, settings.jobDelay);
  }

  /** Reads are answered in every state, also while the responder is suspended. */
  read(bar: number, offset: number, width: number): number {
    if (bar !== 0 || offset + width > VF_BAR_SIZE) return 0;
    if (offset >= ICM_WINDOW_AT) return this.readIcm(offset - ICM_WINDOW_AT, width);
    const word = this.register(offset & ~3);
    return width === 4 ? word : (word >>> (8 * (offset & 3))) & (width === 2 ? 0xffff : 0xff);
  }

  write(bar: number, offset: number, width: number, value: number): void {
    if (bar !== 0 || offset + width > VF_BAR_SIZE || !this.acceptsWrites()) return;
    if (offset >= ICM_WINDOW_AT) this.writeWindow(offset - ICM_WINDOW_AT, width, value);
    else if (width !== 4 || offset % 4 !== 0) return;
    else if (offset >= QUEUE_BASE && offset < QUEUE_END) this.setQueue(offset - QUEUE_BASE, value);
    else if (offset >= VF_REG.SCRATCH && offset < VF_REG.SCRATCH + 4 * SCRATCHES)
      this.state.scratch[(offset - VF_REG.SCRATCH) / 4] = value;
    else if (offset === VF_REG.ICM_WINDOW) this.setWindow(value);
    else return;
    if (this.state.changes !== undefined) this.state.changes.registers = true;
    this.host.touch('register');
  }

  reset(_kind: ResetKind): void {
    this.host.beforeReset();
    resetState(this.state, this.host.vhcaId);
    this.host.touch('reset');
  }

  /**
   * A suspended responder drops writes, doorbells too: what the image says is then what the device is, and no guest runs
   * in that state anyway. A suspended initiator alone takes doorbells and lets the jobs wait.
   */
  acceptsWrites(): boolean {
    return !this.state.suspended.responder;
  }

  suspendInitiator(): void {
    this.engine.drain();
    this.state.suspended.initiator = true;
  }

  resumeInitiator(): void {
    this.state.suspended.initiator = false;
    this.engine.kickAll();
  }

  private register(offset: number): number {
    const { state } = this;
    if (offset >= QUEUE_BASE && offset < QUEUE_END) {
      const within = offset - QUEUE_BASE;
      return state.queues[Math.floor(within / QUEUE_STRIDE)]![(within % QUEUE_STRIDE) / 4]!;
    }
    if (offset >= VF_REG.SCRATCH && offset < VF_REG.SCRATCH + 4 * SCRATCHES)
      return state.scratch[(offset - VF_REG.SCRATCH) / 4]!;
    if (offset >= VF_REG.COMPLETIONS_LO && offset <= VF_REG.BYTES_HI)
      return state.counters[(offset - VF_REG.COMPLETIONS_LO) / 4]!;
    if (offset === VF_REG.ID) return VF_ID;
    if (offset === VF_REG.VERSION) return VF_VERSION;
    if (offset === VF_REG.QUEUES) return QUEUES;
    if (offset === VF_REG.ICM_SIZE) return state.icm.size;
    return offset === VF_REG.ICM_WINDOW ? state.icmWindow : 0;
  }

  private setQueue(offset: number, value: number): void {
    const queue = Math.floor(offset / QUEUE_STRIDE);
    const register = REGISTER_AT[(offset % QUEUE_STRIDE) / 4];
    if (register === undefined || register.access === 'read-only') return;
    const word = (value & register.mask) >>> 0;
    if (register.at === Q.PRODUCER) this.engine.doorbell(queue, word);
    else if (register.at === Q.CONTROL) this.engine.control(queue, word);
    else if (this.state.queues[queue]![Q.CONTROL / 4] === 0) this.state.queues[queue]![register.at / 4] = word;
  }

  /** A window that would start past the end of the device memory is not set. */
  private setWindow(value: number): void {
    const start = value - (value % ICM_PAGE);
    if (start < this.state.icm.size) this.state.icmWindow = start;
  }

  private readIcm(offset: number, width: number): number {
    const at = this.state.icmWindow + offset;
    return at + width <= this.state.icm.size && offset + width <= ICM_WINDOW_SIZE ? this.state.icm.get(at, width) : 0;
  }

  private writeWindow(offset: number, width: number, value: number): void {
    const at = this.state.icmWindow + offset;
    if (at + width > this.state.icm.size) return;
    const bytes = zeroedBytes(width);
    for (let i = 0; i < width; i++) bytes[i] = value >>> (8 * i);
    writeIcm(this.state, at, bytes);
  }
}
