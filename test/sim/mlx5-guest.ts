/** What runs in the guest that owns a VF: memory behind the VF's own domain, and jobs on its queues. */
import { COMPLETION, JOB, JOB_OP } from '../../sim/devices/mlx5/job.ts';
import { setU64 } from '../../sim/devices/mlx5/u64.ts';
import { CONTROL_ENABLE, ICM_WINDOW_AT, Q, QUEUE_BASE, QUEUE_STRIDE } from '../../sim/devices/mlx5/vf-registers.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import type { Extent } from '../../sim/memory.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import type { Rig } from './mlx5-rig.ts';

export const RAM = 0x10_0000;
export const RING_AT = 0x1000;
export const CQ_AT = 0x3000;
const ENTRIES = 16;
/** Above what a test maps. */
export const UNMAPPED = 0x4000_0000;

export interface Completion {
  readonly cookie: number;
  readonly status: number;
  readonly sequence: number;
}

export class Guest {
  readonly rig: Rig;
  readonly vf: PciFunction;
  readonly ram: Extent;
  readonly interrupts: number[] = [];
  private posted = 0;

  /** `ram`: memory that a guest on another VF had, as after a migration. */
  constructor(rig: Rig, vf: PciFunction, ram = rig.hardware.memory.allocate(`guest ${vf.name}`, RAM)) {
    this.rig = rig;
    this.vf = vf;
    this.ram = ram;
    const domain = new Domain('paging', vf.name);
    domain.map({ start: 0, length: RAM, physical: ram.start, read: true, write: true });
    rig.hardware.fabric.iommu.attach(vf.aliasId, domain);
    rig.master(vf);
    this.enableVectors();
  }

  reg(at: number): number {
    return this.vf.read(0, at, 4);
  }

  setReg(at: number, value: number): void {
    this.vf.write(0, at, 4, value);
  }

  queueReg(queue: number, at: number): number {
    return this.reg(QUEUE_BASE + queue * QUEUE_STRIDE + at);
  }

  setQueueReg(queue: number, at: number, value: number): void {
    this.setReg(QUEUE_BASE + queue * QUEUE_STRIDE + at, value);
  }

  setIcm(offset: number, value: number): void {
    this.setReg(ICM_WINDOW_AT + offset, value);
  }

  icm(offset: number): number {
    return this.reg(ICM_WINDOW_AT + offset);
  }

  peek(iova: number, length: number): Uint8Array<ArrayBuffer> {
    const into = new Uint8Array(length);
    this.rig.hardware.memory.read(this.ram.start + iova, into);
    return into;
  }

  poke(iova: number, bytes: Uint8Array): void {
    this.rig.hardware.memory.write(this.ram.start + iova, bytes);
  }

  /** Sets up queue 0 with vector 1. */
  start(): void {
    this.setQueueReg(0, Q.RING_LO, RING_AT);
    this.setQueueReg(0, Q.RING_SIZE, ENTRIES);
    this.setQueueReg(0, Q.CQ_LO, CQ_AT);
    this.setQueueReg(0, Q.VECTOR, 1);
    this.setQueueReg(0, Q.CONTROL, CONTROL_ENABLE);
    this.posted = 0;
  }

  /** Posts a job on queue 0 and rings; does not wait. The cookie is its number. */
  post(opcode: number, src: number, dst: number, length: number): void {
    const view = new DataView(new ArrayBuffer(JOB.SIZE));
    setU64(view, JOB.SRC, src, true);
    setU64(view, JOB.DST, dst, true);
    view.setUint32(JOB.LENGTH, length, true);
    view.setUint32(JOB.OPCODE, opcode, true);
    view.setUint32(JOB.COOKIE, this.posted, true);
    this.poke(RING_AT + (this.posted % ENTRIES) * JOB.SIZE, new Uint8Array(view.buffer));
    this.setQueueReg(0, Q.PRODUCER, ++this.posted);
  }

  fill(iova: number, length: number, pattern: number): void {
    this.post(JOB_OP.FILL, pattern, iova, length);
  }

  /** Posts a job and lets the machine come to rest. */
  job(opcode: number, src: number, dst: number, length: number): Completion {
    this.post(opcode, src, dst, length);
    this.rig.hardware.scheduler.settle();
    return this.completion(this.posted - 1);
  }

  completion(index: number): Completion {
    const view = new DataView(this.peek(CQ_AT + (index % ENTRIES) * COMPLETION.SIZE, COMPLETION.SIZE).buffer);
    return {
      cookie: view.getUint32(COMPLETION.COOKIE, true),
      status: view.getUint32(COMPLETION.STATUS, true),
      sequence: view.getUint32(COMPLETION.SEQUENCE, true),
    };
  }

  /** The driver's own knowledge goes with the guest. */
  moveTo(vf: PciFunction): Guest {
    const moved = new Guest(this.rig, vf, this.ram);
    moved.posted = this.posted;
    return moved;
  }

  /** Vectors 0 to 3, unmasked. */
  private enableVectors(): void {
    for (let vector = 0; vector < 4; vector++) {
      const host = this.rig.hardware.fabric.interrupts.allocate(this.vf.aliasId, () => this.interrupts.push(vector))!;
      const entry = 0x2000 + vector * 16;
      this.vf.write(0, entry, 4, host.address);
      this.vf.write(0, entry + 8, 4, host.data);
      this.vf.write(0, entry + 12, 4, 0);
    }
    this.vf.configWrite(0x9c + 2, 2, 0x8000);
  }
}
