/** Page requests: queues, reads of any length into any memory, answers of any kind. */

import { zeroedBytes } from '../../kernel/bytes.ts';
import { POLL } from '../../kernel/file.ts';
import { iommu_hwpt_pgfault, PGFAULT_FLAG, PGFAULT_PERM } from '../../uapi/iommufd.ts';
import { agree } from '../bench/agree.ts';
import type { Probe } from '../bench/machine.ts';
import type { WaitingGroup } from '../bench/queue-reference.ts';
import { hold, holdObject } from '../bench/verdict.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import { listens } from '../reference/iommufd-pasids.ts';
import * as U from '../reference/u64.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { anyLength, sideOf } from './iommufd-arguments.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const RECORD = 40;
const RESPONSE = 8;
/** The device that asks for pages is the first. */
const ABLE = 0;
/** The number its groups have. */
const GROUP = 1;
/** Of one group of requests. */
const MOST_RECORDS = 32;

const allocFaults: Operation = {
  name: 'fault_alloc',
  needs: 'ioas',
  args: [],
  weights: whileOpen(3),
  generate: (_random, tenant) => (sideOf(tenant).side.queues.faults.size > 1 ? undefined : {}),
  run(tenant, _args, world) {
    const { side } = sideOf(tenant);
    const expected = side.reference.add({ kind: 'fault', holds: [], held: true });
    const error = side.client.call('FAULT_QUEUE_ALLOC', {});
    const result = error || side.client.field('FAULT_QUEUE_ALLOC', 'out_fault_id');
    const fd = side.client.field('FAULT_QUEUE_ALLOC', 'out_fault_fd');
    if (error === 0) side.queues.faults.set(expected, { fd, waiting: [], delivered: new Map() });
    holdObject(world, 'FAULT_QUEUE_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

/** An HWPT that reports to a queue, with the device behind it: what page requests need, in one step. */
const faulting: Operation = {
  name: 'fault_attach',
  needs: 'ioas',
  args: ['ioas'],
  weights: whileOpen(5),
  generate(random, tenant) {
    const { bench, side } = sideOf(tenant);
    if (side.compat || side.queues.faults.size === 0 || bench.devices[ABLE]!.fd === undefined) return undefined;
    return { ioas: side.anyId(random, 'ioas', 0) };
  },
  run(tenant, { ioas }, world) {
    const { bench, side } = sideOf(tenant);
    const fault = [...side.queues.faults.keys()][0];
    const { fd, name } = bench.devices[ABLE]!;
    if (fault === undefined || fd === undefined || side.compat) return -9;
    const known = side.reference.devices[ABLE]!;
    const fields = { dev_id: known.id, pt_id: ioas!, flags: 4, fault_id: fault };
    const made = side.reference.allocHwpt(known.id, ioas!, 4, fault);
    const hwpt = side.client.call('HWPT_ALLOC', fields) || side.client.field('HWPT_ALLOC', 'out_hwpt_id');
    holdObject(world, 'HWPT_ALLOC', hwpt, made);
    if (made < 0 || hwpt < 0) return hwpt;
    const before = known.hwpt;
    const expected = side.reference.attach(known, made);
    if (known.hwpt !== before) side.queues.gone(name, undefined, !listens(known));
    const result = side.client.attach(fd, hwpt);
    hold(world, 'ATTACH', result, expected);
    agree(world, tenant);
    return result;
  },
};

const request: Operation = {
  name: 'page_request',
  needs: 'ioas',
  args: ['records', 'page', 'pasid', 'open'],
  weights: whileOpen(7),
  generate(random, tenant) {
    const known = sideOf(tenant).side.reference.devices[ABLE]!;
    if (!listens(known)) return undefined;
    const pasid = known.hwpt?.fault && !random.chance(20) ? 0 : random.pick([...known.pasids.keys(), 0]);
    return { records: 1 + random.below(3), page: random.below(16), pasid, open: random.chance(10) ? 1 : 0 };
  },
  run(tenant, { records: wanted, page, pasid: asid, open }, world) {
    const records = atMost(MOST_RECORDS, wanted);
    const { bench, side } = sideOf(tenant);
    const device = bench.devices[ABLE]!;
    if (device.fd === undefined || records === 0) return -9;
    const known = side.reference.devices[ABLE]!;
    const { queues } = side;
    // Number 0 is the device itself.
    const pasid = asid ? asid : undefined;
    const listener = (pasid === undefined ? known.hwpt : known.pasids.get(pasid))?.fault ?? 0;
    // Where nobody listens nothing is kept either: only a whole group has an answer.
    if (open && listener === 0) return -9;
    const queue = queues.faults.get(listener);
    const pages = Array.from({ length: records }, (_, i) => ({
      page: page! + i,
      pasid,
      last: !open && i === records - 1,
    }));
    const group: WaitingGroup = {
      ...{ device: device.name, pasid, deviceId: known.id, answered: undefined },
      pages: listener === 0 ? pages : [...queues.partial, ...pages],
    };
    const { dma } = (device.fn.model as Probe).ports;
    let taken = true;
    for (const { page: at, last } of pages) {
      const asked = { pasid, group: GROUP, address: BigInt(at) * 4096n, read: true, write: last, last };
      taken = dma.pageRequest(asked, (response) => {
        group.answered = response;
      });
    }
    if (taken && listener !== 0) queues.partial = open ? [...group.pages] : [];
    if (open) return taken ? records : -5;
    if (taken && queue !== undefined) queue.waiting.push(group);
    // Nobody listens: an answer comes at once. A queue whose descriptor is closed listens, and nobody reads.
    const nobody = listener === 0;
    if (taken && nobody && group.answered !== 'invalid') world.checks.streams.unanswered('a page request');
    return taken ? records : -5;
  },
};

const read: Operation = {
  name: 'fault_read',
  needs: 'ioas',
  args: ['queue', 'length', 'bad'],
  weights: whileOpen(6),
  generate(random, tenant) {
    const { faults } = sideOf(tenant).side.queues;
    if (faults.size === 0) return undefined;
    return {
      queue: random.pick([...faults.keys()]),
      length: anyLength(random, RECORD),
      bad: random.chance(25) ? 1 : 0,
    };
  },
  run(tenant, { queue, length, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const known = side.queues.faults.get(queue!);
    if (known === undefined) return -9;
    const { fd, waiting, delivered } = known;
    const address = bad ? 0x1000 : bench.scratch.room(length!);
    const result = bench.process.read(fd, address, length!);
    let expected = length! % RECORD !== 0 ? -U.ESPIPE : 0;
    const right: Uint8Array[] = [];
    while (expected >= 0 && waiting.length > 0) {
      const bytes = waiting[0]!.pages.length * RECORD;
      if (expected + bytes > length!) {
        if (expected === 0) expected = -U.EINVAL;
        break;
      }
      if (bad) {
        expected = -U.EFAULT;
        break;
      }
      let cookie = 1;
      while (delivered.has(cookie)) cookie++;
      const group = waiting.shift()!;
      delivered.set(cookie, group);
      right.push(recordsOf(group, cookie));
      expected += bytes;
    }
    hold(world, 'reading a fault queue', result, expected, STREAM_ROBUSTNESS.name);
    if (result === expected && result > 0) world.checks.streams.records(bench.process, address, right, 'page requests');
    holdPoll(tenant, world, fd, waiting.length > 0);
    return result;
  },
};

/** What user space reads of a group (struct iommu_hwpt_pgfault). */
function recordsOf({ pages, deviceId }: WaitingGroup, cookie: number): Uint8Array {
  const bytes = zeroedBytes(pages.length * RECORD);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { at } = iommu_hwpt_pgfault;
  for (const [i, { page, pasid, last }] of pages.entries()) {
    const base = i * RECORD;
    const flags = (pasid === undefined ? 0 : PGFAULT_FLAG.PASID_VALID) | (last ? PGFAULT_FLAG.LAST_PAGE : 0);
    view.setUint32(base + at.flags, flags, true);
    view.setUint32(base + at.dev_id, deviceId, true);
    view.setUint32(base + at.pasid, pasid ?? 0, true);
    view.setUint32(base + at.grpid, GROUP, true);
    view.setUint32(base + at.perm, PGFAULT_PERM.READ | (last ? PGFAULT_PERM.WRITE : 0), true);
    view.setBigUint64(base + at.addr, BigInt(page) * 4096n, true);
    view.setUint32(base + at.cookie, cookie, true);
  }
  return bytes;
}

/** A queue can be read if something waits in it. */
export function holdPoll(tenant: Tenant, world: World, fd: number, waits: boolean): void {
  const readable = ((tenant.bench!.process.file(fd)?.file.poll?.() ?? 0) & POLL.IN) !== 0;
  hold(world, 'poll', readable ? 1 : 0, waits ? 1 : 0, STREAM_ROBUSTNESS.name);
}

const answer: Operation = {
  name: 'fault_answer',
  needs: 'ioas',
  args: ['queue', 'cookie', 'code', 'length', 'bad'],
  weights: whileOpen(5),
  generate(random, tenant) {
    const { faults } = sideOf(tenant).side.queues;
    if (faults.size === 0) return undefined;
    const queue = random.pick([...faults.keys()]);
    const delivered = [...faults.get(queue)!.delivered.keys()];
    return {
      queue,
      cookie: random.chance(75) && delivered.length > 0 ? random.pick(delivered) : random.below(5),
      code: random.chance(85) ? random.below(2) : 2,
      length: random.chance(80) ? RESPONSE : anyLength(random, RESPONSE),
      bad: random.chance(10) ? 1 : 0,
    };
  },
  run(tenant, { queue, cookie, code, length, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const known = side.queues.faults.get(queue!);
    if (known === undefined) return -9;
    const bytes = zeroedBytes(64);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 64);
    view.setUint32(0, cookie!, true);
    view.setUint32(4, code!, true);
    const address = bad ? 0x1000 : bench.scratch.load(bytes);
    const group = known.delivered.get(cookie!);
    let expected: number;
    if (length! % RESPONSE !== 0) expected = -U.ESPIPE;
    else if (length === 0) expected = 0;
    else if (bad) expected = -U.EFAULT;
    else if (code! > 1 || group === undefined) expected = -U.EINVAL;
    else {
      known.delivered.delete(cookie!);
      // What follows in the buffer is cookie 0, which there is not.
      expected = RESPONSE;
    }
    const result = bench.process.write(known.fd, address, length!);
    hold(world, 'answering page requests', result, expected, STREAM_ROBUSTNESS.name);
    if (expected === RESPONSE && group!.answered !== (code === 0 ? 'success' : 'invalid'))
      world.checks.streams.unanswered('a page request');
    return result;
  },
};

const closeQueue: Operation = {
  name: 'queue_close',
  needs: 'ioas',
  args: ['queue'],
  weights: whileOpen(2),
  generate(random, tenant) {
    const { faults, events } = sideOf(tenant).side.queues;
    const ids = [...faults.keys(), ...events.keys()];
    return ids.length === 0 ? undefined : { queue: random.pick(ids) };
  },
  run(tenant, { queue }, world) {
    const { bench, side } = sideOf(tenant);
    const { faults, events } = side.queues;
    const known = faults.get(queue!) ?? events.get(queue!);
    if (known === undefined) return -9;
    const result = bench.process.close(known.fd);
    const object = side.reference.objects.get(queue!);
    if (object !== undefined) object.held = false;
    faults.delete(queue!);
    events.delete(queue!);
    agree(world, tenant);
    return result;
  },
};

export const IOMMUFD_FAULTS: readonly Operation[] = [allocFaults, faulting, request, read, answer, closeQueue];
