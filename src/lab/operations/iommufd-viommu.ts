/** Virtual IOMMUs, the devices in them, and their events. */

import type { Viommu } from '../../iommufd/viommu.ts';
import { zeroedBytes } from '../../kernel/bytes.ts';
import { VEVENTQ_FLAG } from '../../uapi/iommufd.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import type { WaitingEvent } from '../bench/queue-reference.ts';
import { hold, holdObject } from '../bench/verdict.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import * as U from '../reference/u64.ts';
import { anyLength, sideOf } from './iommufd-arguments.ts';
import { holdPoll } from './iommufd-faults.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const HEADER = 8;
/** In place of the length of an event. */
const LOST = -1;
/** Of one event. */
const MOST_BYTES = 64;

const viommu: Operation = {
  name: 'viommu_alloc',
  needs: 'ioas',
  args: ['device', 'hwpt', 'type'],
  weights: whileOpen(4),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const parents = [...side.reference.objects].flatMap(([id, { hwpt }]) => (hwpt?.nestParent ? [id] : []));
    const hwpt = parents.length > 0 && random.chance(90) ? random.pick(parents) : side.anyId(random, 'hwpt-paging');
    return {
      device: side.anyId(random, 'device'),
      hwpt,
      type: random.chance(90) ? 1 + random.below(2) : random.below(4),
    };
  },
  run(tenant, { device, hwpt, type }, world) {
    const { side } = sideOf(tenant);
    const { reference } = side;
    const known = reference.objects.get(hwpt!);
    let expected: number;
    if (type === 0) expected = -U.EOPNOTSUPP;
    else if (reference.objects.get(device!)?.kind !== 'device') expected = -U.ENOENT;
    else if (type! > 2 || reference.features.virtual === undefined) expected = -U.EOPNOTSUPP;
    else if (known?.kind !== 'hwpt-paging') expected = -U.ENOENT;
    else if (!known.hwpt!.nestParent) expected = -U.EINVAL;
    else expected = reference.add({ kind: 'viommu', holds: [hwpt!], held: false, tag: BigInt(type!) });
    const fields = { dev_id: device!, hwpt_id: hwpt!, type: type! };
    const result = side.client.call('VIOMMU_ALLOC', fields) || side.client.field('VIOMMU_ALLOC', 'out_viommu_id');
    holdObject(world, 'VIOMMU_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

const vdevice: Operation = {
  name: 'vdevice_alloc',
  needs: 'ioas',
  args: ['viommu', 'device', 'virtual'],
  weights: whileOpen(3),
  generate: (random, tenant) => {
    const { side } = sideOf(tenant);
    return { viommu: side.anyId(random, 'viommu'), device: side.anyId(random, 'device'), virtual: random.below(2) };
  },
  run(tenant, { viommu, device, virtual }, world) {
    const { side } = sideOf(tenant);
    const { reference } = side;
    const known = reference.objects.get(device!);
    const taken = [...reference.objects.values()].some(
      (other) => other.kind === 'vdevice' && other.holds[0] === viommu && other.tag === BigInt(virtual!),
    );
    let expected: number;
    if (reference.objects.get(viommu!)?.kind !== 'viommu') expected = -U.ENOENT;
    else if (known?.kind !== 'device') expected = -U.ENOENT;
    else if (known.device!.vdevice !== 0 || taken) expected = -U.EEXIST;
    else {
      const tag = BigInt(virtual!);
      expected = reference.add({ kind: 'vdevice', holds: [viommu!], held: false, device: known.device!, tag });
      known.device!.vdevice = expected;
    }
    const fields = { viommu_id: viommu!, dev_id: device!, virt_id: virtual! };
    const result = side.client.call('VDEVICE_ALLOC', fields) || side.client.field('VDEVICE_ALLOC', 'out_vdevice_id');
    holdObject(world, 'VDEVICE_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

const eventQueue: Operation = {
  name: 'veventq_alloc',
  needs: 'ioas',
  args: ['viommu', 'type', 'depth'],
  weights: whileOpen(4),
  generate: (random, tenant) => ({
    viommu: sideOf(tenant).side.anyId(random, 'viommu'),
    type: random.chance(90) ? 1 : random.below(3),
    depth: random.chance(85) ? 1 + random.below(3) : random.pick([0, 2 ** 19, 2 ** 19 + 1, 0xffff_ffff]),
  }),
  run(tenant, { viommu, type, depth }, world) {
    const { side } = sideOf(tenant);
    const { reference, queues } = side;
    const same = [...reference.objects.values()].some(
      (other) => other.kind === 'veventq' && other.holds[0] === viommu && other.tag === BigInt(type!),
    );
    let expected: number;
    if (type === 0) expected = -U.EOPNOTSUPP;
    else if (depth === 0 || depth! > 2 ** 19) expected = -U.EINVAL;
    else if (reference.objects.get(viommu!)?.kind !== 'viommu') expected = -U.ENOENT;
    else if (same) expected = -U.EEXIST;
    else expected = reference.add({ kind: 'veventq', holds: [viommu!], held: true, tag: BigInt(type!) });
    const error = side.client.call('VEVENTQ_ALLOC', { viommu_id: viommu!, type: type!, veventq_depth: depth! });
    const result = error || side.client.field('VEVENTQ_ALLOC', 'out_veventq_id');
    const fd = side.client.field('VEVENTQ_ALLOC', 'out_veventq_fd');
    if (error === 0)
      queues.events.set(result, { fd, viommu: viommu!, type: type!, depth: depth!, waiting: [], next: 0 });
    holdObject(world, 'VEVENTQ_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

const event: Operation = {
  name: 'viommu_event',
  needs: 'ioas',
  args: ['queue', 'length'],
  weights: whileOpen(6),
  generate(random, tenant) {
    const { events } = sideOf(tenant).side.queues;
    return events.size === 0
      ? undefined
      : { queue: random.pick([...events.keys()]), length: random.pick([4, 8, 16, 32]) };
  },
  run(tenant, { queue, length: wanted }) {
    const length = atMost(MOST_BYTES, wanted);
    const { side } = sideOf(tenant);
    const known = side.queues.events.get(queue!);
    if (known === undefined) return -9;
    const { waiting, depth, viommu, type } = known;
    if (waiting.at(-1)?.length === LOST) waiting.pop();
    const sequence = known.next++;
    waiting.push({ length: waiting.length < depth ? length : LOST, sequence });
    return reporter(side, viommu).report(type, dataOf(length, sequence));
  },
};

/** Data of an event, by which each is known. */
const dataOf = (length: number, sequence: number): Uint8Array => zeroedBytes(length).fill(0x70 + (sequence & 0xf));

/** What user space reads of it (struct iommufd_vevent_header, and the data). */
function recordOf({ length, sequence }: WaitingEvent): Uint8Array {
  const bytes = zeroedBytes(HEADER + Math.max(0, length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, length === LOST ? VEVENTQ_FLAG.LOST_EVENTS : 0, true);
  view.setUint32(4, sequence, true);
  if (length !== LOST) bytes.set(dataOf(length, sequence), HEADER);
  return bytes;
}

/** The virtual IOMMU as the hardware below it reports to it. */
const reporter = (side: IommufdBench, id: number): Viommu => side.kernel.objects.get(id, 'viommu') as Viommu;

const readEvents: Operation = {
  name: 'viommu_read',
  needs: 'ioas',
  args: ['queue', 'length', 'bad'],
  weights: whileOpen(6),
  generate(random, tenant) {
    const { events } = sideOf(tenant).side.queues;
    if (events.size === 0) return undefined;
    const queue = random.pick([...events.keys()]);
    const first = events.get(queue)!.waiting[0]?.length ?? 8;
    const record = HEADER + Math.max(0, first);
    return { queue, length: anyLength(random, record), bad: random.chance(15) ? 1 : 0 };
  },
  run(tenant, { queue, length, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const known = side.queues.events.get(queue!);
    if (known === undefined) return -9;
    const { fd, waiting } = known;
    const address = bad ? 0x1000 : bench.scratch.room(length!);
    const result = bench.process.read(fd, address, length!);
    let expected = length! < HEADER ? -U.EINVAL : 0;
    const right: Uint8Array[] = [];
    while (expected >= 0 && waiting.length > 0) {
      const bytes = HEADER + Math.max(0, waiting[0]!.length);
      if (expected + bytes > length!) {
        if (expected === 0) expected = -U.EINVAL;
        break;
      }
      if (bad) {
        expected = -U.EFAULT;
        break;
      }
      right.push(recordOf(waiting.shift()!));
      expected += bytes;
    }
    hold(world, 'reading an event queue', result, expected, STREAM_ROBUSTNESS.name);
    if (result === expected && result > 0) world.checks.streams.records(bench.process, address, right, 'events');
    holdPoll(tenant, world, fd, waiting.length > 0);
    return result;
  },
};

export const IOMMUFD_VIOMMU: readonly Operation[] = [viommu, vdevice, eventQueue, event, readEvents];
