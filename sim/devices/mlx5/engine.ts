/**
 * The VF's four queues at work. A job is fetched, and executed and completed some time later; between the two it is in
 * flight. Nothing starts while the initiator is suspended, and suspending it completes what is in flight first.
 */
import { bytesOf, zeroedBytes, zeroedView } from '../../bytes.ts';
import type { DevicePorts } from '../../pci/model.ts';
import { COMPLETION, decodeJob, JOB, type Job } from './job.ts';
import { runJob } from './jobs.ts';
import { validRing } from './saved-state.ts';
import type { VfDma } from './vf-dma.ts';
import { CONTROL_ENABLE, JOB_STATUS, Q, QUEUE_STATE, QUEUES } from './vf-registers.ts';
import { count, type VfState } from './vf-state.ts';

/** Virtual nanoseconds from the doorbell to the descriptor read. */
const FETCH_DELAY = 100;

/** What the engine needs to know of the card around it. */
export interface EngineHost {
  /** Is the VF still there? Disabling SR-IOV takes it away with work on its way. */
  present(): boolean;
  touch(what: string): void;
}

export class Engine {
  private readonly ports: DevicePorts;
  private readonly state: VfState;
  private readonly dma: VfDma;
  private readonly host: EngineHost;
  private readonly jobDelay: number;

  constructor(ports: DevicePorts, state: VfState, dma: VfDma, host: EngineHost, jobDelay: number) {
    this.ports = ports;
    this.state = state;
    this.dma = dma;
    this.host = host;
    this.jobDelay = jobDelay;
  }

  /** CONTROL was written. */
  control(queue: number, value: number): void {
    const words = this.state.queues[queue]!;
    const { inflight, changes } = this.state;
    const before = words[Q.CONTROL / 4]!;
    words[Q.CONTROL / 4] = value;
    if (before === value) return;
    if (changes !== undefined) changes.setup = true;
    inflight[queue] = undefined;
    if ((value & CONTROL_ENABLE) === 0) {
      words[Q.STATUS / 4] = QUEUE_STATE.IDLE;
      return;
    }
    words[Q.PRODUCER / 4] = 0;
    words[Q.CONSUMER / 4] = 0;
    if (validRing(words[Q.RING_SIZE / 4]!)) words[Q.STATUS / 4] = QUEUE_STATE.RUNNING;
    else this.fail(queue, JOB_STATUS.BAD_RING);
  }

  /** PRODUCER was written. A queue that does not run has no use for a doorbell and drops it. */
  doorbell(queue: number, value: number): void {
    const words = this.state.queues[queue]!;
    if (words[Q.STATUS / 4] !== QUEUE_STATE.RUNNING) return;
    if ((value - words[Q.CONSUMER / 4]!) >>> 0 > words[Q.RING_SIZE / 4]!) {
      this.fail(queue, JOB_STATUS.OVERRUN);
      return;
    }
    words[Q.PRODUCER / 4] = value;
    this.kick(queue);
  }

  /** The initiator resumed: whatever waits may start. */
  kickAll(): void {
    for (let queue = 0; queue < QUEUES; queue++) this.kick(queue);
  }

  /** Executes and completes every job in flight, now. */
  drain(): void {
    for (let queue = 0; queue < QUEUES; queue++) if (this.state.inflight[queue] !== undefined) this.finish(queue);
  }

  /** May a job of this queue start? */
  mayStart(queue: number): boolean {
    const words = this.state.queues[queue]!;
    const { suspended, inflight } = this.state;
    return (
      !suspended.initiator &&
      words[Q.STATUS / 4] === QUEUE_STATE.RUNNING &&
      words[Q.PRODUCER / 4] !== words[Q.CONSUMER / 4] &&
      inflight[queue] === undefined &&
      this.host.present()
    );
  }

  private kick(queue: number): void {
    const bit = 1 << queue;
    if ((this.state.scheduled & bit) !== 0 || !this.mayStart(queue)) return;
    this.state.scheduled |= bit;
    this.ports.later(FETCH_DELAY, () => {
      this.state.scheduled &= ~bit;
      if (this.mayStart(queue)) this.fetch(queue);
    });
  }

  private fetch(queue: number): void {
    const words = this.state.queues[queue]!;
    const { inflight } = this.state;
    const index = words[Q.CONSUMER / 4]! & (words[Q.RING_SIZE / 4]! - 1);
    const bytes = zeroedBytes(JOB.SIZE);
    const ring = words[Q.RING_HI / 4]! * 0x1_0000_0000 + words[Q.RING_LO / 4]!;
    if (!this.dma.read(ring + index * JOB.SIZE, bytes)) {
      this.complete(queue, undefined, JOB_STATUS.FETCH);
      return;
    }
    const job = decodeJob(bytes);
    inflight[queue] = job;
    this.ports.later(this.jobDelay, () => {
      if (this.state.inflight[queue] === job && this.host.present()) this.finish(queue);
    });
  }

  private finish(queue: number): void {
    const job = this.state.inflight[queue]!;
    this.state.inflight[queue] = undefined;
    const status = runJob(job, this.state, this.dma);
    if (status === JOB_STATUS.OK) count(this.state, 2, job.length);
    this.complete(queue, job, status);
    this.kick(queue);
  }

  private complete(queue: number, job: Job | undefined, status: number): void {
    const words = this.state.queues[queue]!;
    const { sequence, changes } = this.state;
    const view = zeroedView(COMPLETION.SIZE);
    view.setUint32(COMPLETION.COOKIE, job?.cookieLow ?? 0, true);
    view.setUint32(COMPLETION.COOKIE + 4, job?.cookieHigh ?? 0, true);
    view.setUint32(COMPLETION.STATUS, status, true);
    view.setUint32(COMPLETION.SEQUENCE, sequence[queue]!, true);
    const index = words[Q.CONSUMER / 4]! & (words[Q.RING_SIZE / 4]! - 1);
    const ring = words[Q.CQ_HI / 4]! * 0x1_0000_0000 + words[Q.CQ_LO / 4]!;
    const written = this.dma.write(ring + index * COMPLETION.SIZE, bytesOf(view));
    sequence[queue]! += 1;
    words[Q.CONSUMER / 4]! += 1;
    count(this.state, 0, 1);
    if (changes !== undefined) changes.registers = true;
    if (!written) this.fail(queue, JOB_STATUS.COMPLETION);
    else if (status !== JOB_STATUS.OK) this.fail(queue, status);
    this.host.touch('job');
    this.ports.interrupts.message(words[Q.VECTOR / 4]!);
  }

  private fail(queue: number, code: number): void {
    this.state.queues[queue]![Q.STATUS / 4] = QUEUE_STATE.ERROR | (code << 8);
    this.state.inflight[queue] = undefined;
  }
}
