/** The work that the lab gives a ConnectX-like VF: two rings in the tenant's first page, and jobs that move memory. */

import type { VfModel } from '../../../sim/devices/mlx5/index.ts';
import { JOB, JOB_OP } from '../../../sim/devices/mlx5/job.ts';
import {
  ICM_WINDOW_AT,
  Q,
  QUEUE_BASE,
  QUEUE_STATE,
  QUEUE_STRIDE,
  VF_REG,
} from '../../../sim/devices/mlx5/vf-registers.ts';
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import { setNumber64 } from '../../client/container.ts';
import { bytesOf, zeroedView } from '../../kernel/bytes.ts';
import { PCI_REGION, VFIO } from '../../uapi/vfio.ts';
import type { Args } from '../operations/operation.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';

/** Where rings live: IOVA and the tenant's first page. */
export const RING_IOVA = 0x10_0000;
export const ENTRIES = 16;
export const ringAt = (queue: number): number => queue * 512;
export const completionsAt = (queue: number): number => 1024 + queue * 256;
/** Behind the rings: where the jobs of {@link work} write. */
const RESULTS_AT = 2048;
const RESULT_BYTES = 64;

/** Registers worth touching. */
export const OFFSETS = [
  VF_REG.ID,
  VF_REG.ICM_WINDOW,
  ...[0, 4, 8, 28].map((at) => VF_REG.SCRATCH + at),
  VF_REG.COMPLETIONS_LO,
  VF_REG.BYTES_LO,
  ...[0, 1].flatMap((queue) => Object.values(Q).map((at) => QUEUE_BASE + queue * QUEUE_STRIDE + at)),
  // Edges: behind the registers, the MSI-X table and pending bits, the end of the BAR.
  0x1ffc,
  0x2000,
  0x203c,
  0x3000,
  0x1_fffc,
];

/** Posts a job and rings the doorbell. */
export function submit(tenant: Tenant, { kind, queue, source, target, length }: Args): number {
  const counts = tenant.posted;
  const slot = counts[queue!]! % ENTRIES;
  const view = zeroedView(JOB.SIZE);
  setNumber64(view, JOB.SRC, source!);
  setNumber64(view, JOB.DST, target!);
  view.setUint32(JOB.LENGTH, length!, true);
  view.setUint32(JOB.OPCODE, kind!, true);
  view.setUint32(JOB.COOKIE, counts[queue!]!, true);
  tenant.process.memory.write(tenant.buffer + ringAt(queue!) + slot * JOB.SIZE, bytesOf(view));
  counts[queue!]!++;
  return tenant.device!.write(0, QUEUE_BASE + queue! * QUEUE_STRIDE + Q.PRODUCER, 4, counts[queue!]!);
}

const ADDRESSES = [
  [Q.RING_LO, 0x1234_5620],
  [Q.RING_HI, 0x1],
  [Q.CQ_LO, 0x7654_3210],
  [Q.CQ_HI, 0x2],
] as const;

/** A keyed sum of memory, and a piece of device memory: what is secret in a device has to do with both. */
export function work(tenant: Tenant): void {
  // A queue that nobody runs, whose addresses have halves that differ.
  for (const [register, value] of ADDRESSES)
    tenant.device!.write(0, QUEUE_BASE + 3 * QUEUE_STRIDE + register, 4, value);
  const target = RING_IOVA + RESULTS_AT;
  const sum = JOB_OP.READ_CHECKSUM;
  submit(tenant, { kind: sum, queue: 0, source: RING_IOVA + RESULTS_AT + 256, target, length: RESULT_BYTES });
  submit(tenant, { kind: JOB_OP.LOAD, queue: 1, source: 0, target: target + RESULT_BYTES, length: RESULT_BYTES });
}

/** A queue that nobody uses is switched on, or off. */
export function setUp({ device }: Tenant): void {
  const at = QUEUE_BASE + 2 * QUEUE_STRIDE;
  const on = device!.read(0, at + Q.CONTROL, 4) === 1;
  if (!on) device!.write(0, at + Q.RING_SIZE, 4, ENTRIES);
  device!.write(0, at + Q.CONTROL, 4, on ? 0 : 1);
}

/** Goes on where the queues were saved: jobs, completions and registers. */
export function afterLoad(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  for (let queue = 0; queue < 2; queue++) {
    const producer = device.read(0, QUEUE_BASE + queue * QUEUE_STRIDE + Q.PRODUCER, 4);
    if (producer < 0) return;
    tenant.posted[queue] = producer;
  }
  work(tenant);
  world.settle();
  world.observe(tenant, tenant.process.memory.copyIn(tenant.buffer + 1024, 2048)!);
  for (const offset of OFFSETS) world.observe(tenant, device.read(0, offset, 4));
}

/** Posted to a queue that runs, and not completed. */
export function unfinished({ fn }: Tenant): string | undefined {
  const { queues } = (fn!.model as VfModel).state;
  const queue = queues.findIndex(
    (words) => words[Q.STATUS / 4] === QUEUE_STATE.RUNNING && words[Q.PRODUCER / 4] !== words[Q.CONSUMER / 4],
  );
  return queue < 0 ? undefined : `jobs of queue ${queue} are never done`;
}

/** Reset, and then unlike what {@link World} had made of it. */
export function disturb(tenant: Tenant, world: World): number {
  const device = tenant.device!;
  const result = tenant.process.ioctl(device.fd, VFIO.DEVICE_RESET, 0);
  if (result < 0) return result;
  world.afterReset(tenant, false);
  device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
  const other = new Uint8Array(32).fill(0x3c);
  device.writeRegion(0, VF_REG.SCRATCH, other);
  // In a page that is in every image, and in one that is in none.
  for (const page of [0, 13]) device.writeRegion(0, ICM_WINDOW_AT + page * 4096 + 256, other);
  device.write(0, VF_REG.ICM_WINDOW, 4, 0);
  device.write(0, QUEUE_BASE + QUEUE_STRIDE * 2 + Q.VECTOR, 4, 3);
  return 0;
}
