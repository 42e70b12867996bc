/** What runs in the VM: a driver with two queues that posts copies without pause and counts what comes back. */
import { COMPLETION, JOB, JOB_OP } from '../../sim/devices/mlx5/job.ts';
import { ICM_WINDOW_AT, ICM_WINDOW_SIZE, Q, QUEUE_BASE, QUEUE_STRIDE } from '../../sim/devices/mlx5/vf-registers.ts';
import { setNumber64 } from '../../src/client/index.ts';
import { PAGE, RAM_AT, type Vm } from './site.ts';

const ENTRIES = 16;
export const QUEUES = 2;
const ringAt = (queue: number): number => queue * 0x400;
const completionsAt = (queue: number): number => PAGE + queue * 0x400;
const BYTES = 96;
const sourceAt = (queue: number, slot: number): number => (2 + queue) * PAGE + slot * 128;
/** Each slot's target has a page of its own, so that few pages are dirty at a time. */
const targetAt = (queue: number, slot: number): number => (8 + queue * ENTRIES + slot) * PAGE + 0x20;

/** Bytes that only this job has. */
function content(queue: number, number: number): Uint8Array {
  return Uint8Array.from({ length: BYTES }, (_, i) => (number * 7 + queue * 101 + i * 13 + (number >> 8)) & 0xff);
}

export class Guest {
  vm: Vm;
  /** Jobs posted, and completions seen, by queue. */
  readonly posted = [0, 0];
  readonly seen = [0, 0];
  /** What is not as it must be, in words. */
  readonly wrong: string[] = [];
  /** Pages the guest itself wrote: a VM monitor learns them elsewhere than from the device. */
  readonly dirtied = new Set<number>();
  /** What it left in device memory, by offset of the window. */
  private readonly notes = new Map<number, number>();

  constructor(vm: Vm) {
    this.vm = vm;
    for (let queue = 0; queue < QUEUES; queue++) {
      this.set(queue, Q.RING_LO, RAM_AT + ringAt(queue));
      this.set(queue, Q.RING_SIZE, ENTRIES);
      this.set(queue, Q.CQ_LO, RAM_AT + completionsAt(queue));
      this.set(queue, Q.VECTOR, queue);
      this.set(queue, Q.CONTROL, 1);
    }
  }

  get(queue: number, register: number): number {
    return this.vm.device.read(0, QUEUE_BASE + queue * QUEUE_STRIDE + register, 4);
  }

  set(queue: number, register: number, value: number): void {
    this.vm.device.write(0, QUEUE_BASE + queue * QUEUE_STRIDE + register, 4, value);
  }

  /** Posts a copy of fresh bytes, if the ring has room. */
  post(queue: number): void {
    const number = this.posted[queue]!;
    if (number - this.seen[queue]! >= ENTRIES) return;
    const slot = number % ENTRIES;
    this.store(sourceAt(queue, slot), content(queue, number));
    const view = new DataView(new ArrayBuffer(JOB.SIZE));
    setNumber64(view, JOB.SRC, RAM_AT + sourceAt(queue, slot));
    setNumber64(view, JOB.DST, RAM_AT + targetAt(queue, slot));
    view.setUint32(JOB.LENGTH, BYTES, true);
    view.setUint32(JOB.OPCODE, JOB_OP.COPY, true);
    view.setUint32(JOB.COOKIE, number + 1, true);
    view.setUint32(JOB.COOKIE + 4, queue, true);
    this.store(ringAt(queue) + slot * JOB.SIZE, new Uint8Array(view.buffer));
    this.posted[queue] = number + 1;
    this.set(queue, Q.PRODUCER, number + 1);
  }

  /** Leaves a number in a page of device memory. */
  note(number: number): void {
    const offset = ((number * 0x1504) % ICM_WINDOW_SIZE) & ~3;
    this.notes.set(offset, number + 1);
    this.vm.device.write(0, ICM_WINDOW_AT + offset, 4, number + 1);
  }

  /** Takes the completions that are there, in order, and looks at each. */
  poll(): void {
    for (let queue = 0; queue < QUEUES; queue++) while (this.take(queue));
  }

  /** Every job posted is done, once, and the device counts as the guest does. */
  conclude(): void {
    this.poll();
    for (const [offset, value] of this.notes) {
      const found = this.vm.device.read(0, ICM_WINDOW_AT + offset, 4);
      if (found !== value) this.wrong.push(`device memory at ${offset} holds ${found} instead of ${value}`);
    }
    for (let queue = 0; queue < QUEUES; queue++) {
      const counts = [this.posted[queue], this.seen[queue], this.get(queue, Q.CONSUMER)];
      if (new Set(counts).size !== 1) this.wrong.push(`queue ${queue}: posted, seen, consumed are ${counts}`);
      if (this.get(queue, Q.STATUS) !== 1) this.wrong.push(`queue ${queue} has status ${this.get(queue, Q.STATUS)}`);
    }
  }

  private take(queue: number): boolean {
    const number = this.seen[queue]!;
    const slot = number % ENTRIES;
    const bytes = this.vm.peek(completionsAt(queue) + slot * COMPLETION.SIZE, COMPLETION.SIZE);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const cookie = view.getUint32(COMPLETION.COOKIE, true);
    const before = Math.max(0, number + 1 - ENTRIES);
    if (cookie === before) return false;
    const sequence = view.getUint32(COMPLETION.SEQUENCE, true);
    const status = view.getUint32(COMPLETION.STATUS, true);
    const of = view.getUint32(COMPLETION.COOKIE + 4, true);
    if (cookie !== number + 1 || sequence !== number || status !== 0 || of !== queue) {
      this.wrong.push(
        `queue ${queue}: completion ${cookie}, sequence ${sequence}, status ${status} for job ${number + 1}`,
      );
      return false;
    }
    if (Buffer.compare(this.vm.peek(targetAt(queue, slot), BYTES), content(queue, number)) !== 0)
      this.wrong.push(`queue ${queue}: job ${number + 1} is complete, and its copy is not there`);
    this.seen[queue] = number + 1;
    return true;
  }

  private store(offset: number, bytes: Uint8Array): void {
    this.vm.poke(offset, bytes);
    for (let page = Math.floor(offset / PAGE); page * PAGE < offset + bytes.length; page++) this.dirtied.add(page);
  }
}
