/** Several calls in a row that what is interesting needs first: alone they would seldom meet. */

import { ROW_STARTS } from '../bench/memory.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { BENCH_DMA } from './bench-dma.ts';
import { sideOf } from './iommufd-arguments.ts';
import { IOMMUFD_DEVICE } from './iommufd-device.ts';
import { IOMMUFD_FAULTS } from './iommufd-faults.ts';
import { IOMMUFD_HWPT } from './iommufd-hwpt.ts';
import { IOMMUFD_MAP } from './iommufd-map.ts';
import { IOMMUFD_NESTED } from './iommufd-nested.ts';
import { IOMMUFD_PASID } from './iommufd-pasid.ts';
import { IOMMUFD_QUEUES } from './iommufd-queues.ts';
import { IOMMUFD_SPACE } from './iommufd-space.ts';
import { IOMMUFD_UNMAP } from './iommufd-unmap.ts';
import { IOMMUFD_VIOMMU } from './iommufd-viommu.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const ALL = new Map(
  [
    ...IOMMUFD_DEVICE,
    ...IOMMUFD_FAULTS,
    ...IOMMUFD_VIOMMU,
    ...IOMMUFD_QUEUES,
    ...IOMMUFD_PASID,
    ...IOMMUFD_NESTED,
    ...IOMMUFD_UNMAP,
    ...IOMMUFD_HWPT,
    ...IOMMUFD_MAP,
    ...IOMMUFD_SPACE,
    ...BENCH_DMA,
  ].map((op) => [op.name, op]),
);

/** One of the calls; all of them end at once. */
function step(tenant: Tenant, world: World, name: string, args: Args): number {
  const result = ALL.get(name)!.run(tenant, { fail: 0, ...args }, world, false);
  return typeof result === 'number' ? result : -4;
}

type Scene = (tenant: Tenant, world: World, ioas: number, salt: number) => number;

/** The first device writes a page. */
function touch(tenant: Tenant, world: World, page: number, salt: number): void {
  const plain = { source: 0, sourceOffset: 0, targetOffset: 0 };
  step(tenant, world, 'bench_dma', { device: 0, kind: 1, ...plain, target: page, length: 64, salt });
}

/** First page of a mapping of the row that has several in one piece. */
const RUN = ROW_STARTS.at(-1)!;

/** Pages from which on the IOMMU may have a large one, with one bit for all of it. */
const LARGE = 512;

/** A page table that tracks, with the first device behind it. */
const dirty: Scene = (tenant, world, ioas, salt) => {
  const { side } = sideOf(tenant);
  const device = side.reference.devices[0]!.id;
  const hwpt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags: 2, fault: 0 });
  if (hwpt < 0) return hwpt;
  step(tenant, world, 'device_attach', { device: 0, pt: hwpt });
  const started = step(tenant, world, 'hwpt_track', { hwpt, flags: 1 });
  // At 4 GiB even a bit for 4 GiB has a first page to tell of.
  const plain = { flags: 7, vaddrOffset: 0, iovaOffset: 0, sizeOffset: 0 };
  // Some of it so large that the IOMMU has large pages for it, which are written and told of as one.
  const large = (salt & 2) !== 0;
  const memory = {
    ...plain,
    ...(large ? { region: 2, page: 0, pages: 512 } : { region: 0, page: salt & 64 ? RUN : 0, pages: 1 + (salt >> 4) }),
  };
  if (salt & 1) step(tenant, world, 'ioas_map', { ioas, ...memory, iova: 2 ** 20 });
  const area = side.reference.ioas(ioas)?.areas.at(salt & 1 ? -1 : 0);
  if (area === undefined) return started;
  const pages = Number((area.last - area.start) / 4096n) + 1;
  const first = Number(area.start / 4096n);
  if (pages > 1 && pages < LARGE && salt & 64) {
    // Two pages of one mapping: who asks for one of them has the other to ask for.
    for (const page of [0, 1]) touch(tenant, world, first + page, salt);
    const one = { iova: first + (salt >> 7), pages: 1, iovaOffset: 0, sizeOffset: 0, pageSize: 0, bad: 0 };
    return step(tenant, world, 'hwpt_dirty', { hwpt, ...one, flags: 0, begin: 0 });
  }
  const target = Number(area.start / 4096n) + (large ? salt % pages : salt % Math.min(8, pages));
  touch(tenant, world, target, salt);
  if (!(salt & 8)) return started;
  const whole = { iova: Number(area.start / 4096n), pages, iovaOffset: 0, sizeOffset: 0, pageSize: 0, bad: 0 };
  return step(tenant, world, 'hwpt_dirty', { hwpt, ...whole, flags: (salt >> 4) & 1, begin: salt & 16 ? 4095 : 0 });
};

/** A queue for page requests, the first device attached to what reports there, and a request that waits. */
const faults: Scene = (tenant, world, ioas, salt) => {
  if (sideOf(tenant).side.queues.faults.size === 0) step(tenant, world, 'fault_alloc', {});
  const { side } = sideOf(tenant);
  const [queue] = side.queues.faults.keys();
  const pasid = salt & 16 ? 1 : 0;
  let attached = 0;
  if (pasid > 0) {
    // A page table that is not for PASIDs would be in their way.
    step(tenant, world, 'device_detach', { device: 0 });
    const device = side.reference.devices[0]!.id;
    const pt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags: PASID | FAULTS, fault: queue! });
    attached = pt < 0 ? pt : step(tenant, world, 'pasid_attach', { pasid, pt, detach: 0 });
  } else attached = step(tenant, world, 'fault_attach', { ioas });
  if (attached < 0) return attached;
  const ask = (open: number): number =>
    step(tenant, world, 'page_request', { records: 1 + (salt % 3), page: salt & 7, pasid, open });
  // Room for what waits, however many there are.
  const read = (): number => step(tenant, world, 'fault_read', { queue: queue!, length: 400, bad: 0 });
  if ((salt & 96) === 96) {
    // The last of the group never comes: its device goes, comes back, and asks again.
    ask(1);
    if (pasid > 0) step(tenant, world, 'pasid_attach', { pasid, pt: 0, detach: 1 });
    else step(tenant, world, 'device_detach', { device: 0 });
    return faults(tenant, world, ioas, (salt & ~32) | 8);
  }
  const asked = ask(0);
  if (!(salt & 8)) return asked;
  const first = read();
  if ((salt & 96) === 64) {
    // What was read and not answered goes with the attachment.
    if (pasid > 0) return step(tenant, world, 'pasid_attach', { pasid, pt: 0, detach: 1 });
    return step(tenant, world, 'device_detach', { device: 0 });
  }
  if (!(salt & 32)) return first;
  // The older of two is answered first, and then there is a third.
  ask(0);
  read();
  step(tenant, world, 'fault_answer', { queue: queue!, cookie: 1, code: salt >> 7, length: 8, bad: 0 });
  ask(0);
  read();
  return step(tenant, world, 'fault_answer', { queue: queue!, cookie: 2, code: 0, length: 8, bad: 0 });
};

/** A virtual IOMMU with a queue, and an event in it. */
const events: Scene = (tenant, world, ioas, salt) => {
  const device = sideOf(tenant).side.reference.devices[0]!.id;
  const hwpt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags: 1, fault: 0 });
  if (hwpt < 0) return hwpt;
  const viommu = step(tenant, world, 'viommu_alloc', { device, hwpt, type: 1 });
  const queue = viommu < 0 ? viommu : step(tenant, world, 'veventq_alloc', { viommu, type: 1, depth: 1 + (salt % 3) });
  if (queue < 0) return queue;
  // Some do not find room.
  for (let more = 0; more < (salt >> 2) % 5; more++) step(tenant, world, 'viommu_event', { queue, length: 8 });
  return step(tenant, world, 'viommu_event', { queue, length: 8 });
};

/** A virtual IOMMU with a queue that hardware reads in the guest's memory. */
const hardware: Scene = (tenant, world, ioas, salt) => {
  const device = sideOf(tenant).side.reference.devices[0]!.id;
  const hwpt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags: 1, fault: 0 });
  if (hwpt < 0) return hwpt;
  const place = { region: 0, page: 13, pages: 4, flags: 7, vaddrOffset: 0, iovaOffset: 0, sizeOffset: 0 };
  step(tenant, world, 'ioas_map', { ioas, ...place, iova: 2 ** 20 + 8 });
  const viommu = step(tenant, world, 'viommu_alloc', { device, hwpt, type: 2 });
  const iova = 2 ** 20 + 8 + (salt & 1);
  if (viommu < 0) return viommu;
  return step(tenant, world, 'hw_queue_alloc', {
    viommu,
    type: 1,
    index: (salt >> 1) & 1,
    iova,
    pages: 1 + (salt >> 6),
  });
};

/** An empty address space whose last pages are all that may be chosen. */
const top: Scene = (tenant, world, _ioas, salt) => {
  const ioas = step(tenant, world, 'ioas_alloc', {});
  const first = 2 ** 52 - 2 - (salt % 12);
  return step(tenant, world, 'ioas_allow', { ioas, first, pages: 2 ** 52 - first, second: 0, morePages: 0, offset: 0 });
};

/** An address space without large pages, which container calls cut. */
const small: Scene = (tenant, world, ioas, salt) => {
  step(tenant, world, 'ioas_unmap', { ioas, iova: 0, pages: 2 ** 52 - 1, iovaOffset: 0, sizeOffset: 4095 });
  step(tenant, world, 'iommufd_option', { option: 1, object: ioas, set: 1, value: 0 });
  const chosen = step(tenant, world, 'iommufd_vfio_ioas', { op: 1, ioas });
  if (!(salt & 1)) return chosen;
  // What is cut is in a page table, and for reading, writing or both.
  const place = { region: 0, page: 13, pages: 6, iova: 2 ** 20 + 8, vaddrOffset: 0, iovaOffset: 0, sizeOffset: 0 };
  step(tenant, world, 'ioas_map', { ioas, ...place, flags: [3, 5, 7, 5][(salt >> 1) & 3]! });
  if (salt & 8) step(tenant, world, 'device_attach', { device: 0, pt: ioas });
  return step(tenant, world, 'compat_unmap', { iova: place.iova + 1 + ((salt >> 4) & 1), pages: 2, all: 0 });
};

/** Several mappings of files in a page table, and nothing else: they change hands together. */
const files: Scene = (tenant, world, ioas, salt) => {
  for (const { id } of sideOf(tenant).side.reference.spaces)
    step(tenant, world, 'ioas_unmap', { ioas: id, iova: 0, pages: 2 ** 52 - 1, iovaOffset: 0, sizeOffset: 4095 });
  const plain = { file: 0, flags: 7, startOffset: 0, sizeOffset: 0 };
  for (const part of [0, 1])
    step(tenant, world, 'ioas_map_file', { ioas, ...plain, page: 2 * part, pages: 2, iova: 2 ** 20 + 4 * part });
  step(tenant, world, 'device_attach', { device: salt & 1, pt: ioas });
  return step(tenant, world, 'ioas_change_process', { back: (salt >> 1) & 1 });
};

/** The emulated device, attached; and an address space of bytes, which it cannot be attached to. */
const pinner: Scene = (tenant, world, ioas, salt) => {
  const { bench } = sideOf(tenant);
  if (bench.pinner === undefined) return -19;
  step(tenant, world, 'device_open', { device: bench.devices.length });
  const attached = step(tenant, world, 'access_attach', { ioas, detach: 0 });
  if (!(salt & 1)) {
    const area = sideOf(tenant).side.reference.accessIoas?.areas[0];
    if (area === undefined) return attached;
    return step(tenant, world, 'access_pin', { iova: Number(area.start / 4096n), offset: 0, count: 1, write: 0 });
  }
  const other = step(tenant, world, 'ioas_alloc', {});
  const bytes = { region: 0, page: 0, pages: 1, iova: 16, flags: 7, vaddrOffset: 8, iovaOffset: 0, sizeOffset: 0 };
  step(tenant, world, 'ioas_map', { ioas: other, ...bytes });
  return salt & 2 ? step(tenant, world, 'access_attach', { ioas: other, detach: 0 }) : attached;
};

/** A guest with a virtual IOMMU in which its device passes, or does not; and what the guest says of its caches. */
const guest: Scene = (tenant, world, ioas, salt) => {
  const { side } = sideOf(tenant);
  const device = side.reference.devices[0]!.id;
  const hwpt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags: 1, fault: 0 });
  const viommu = hwpt < 0 ? hwpt : step(tenant, world, 'viommu_alloc', { device, hwpt, type: 1 });
  if (viommu < 0) return viommu;
  if (salt & 1) {
    const named = step(tenant, world, 'vdevice_alloc', { viommu, device, virtual: 1 });
    // What it was given may be taken away before it says anything.
    if (salt & 8 && named > 0) step(tenant, world, 'iommufd_destroy', { id: named });
  }
  const commands = { first: salt & 2 ? 0x06 : 0x40, second: 0x10, stream: 1, count: 2 };
  step(tenant, world, 'viommu_invalidate', { viommu, ...commands });
  const stage = { valid: 1, config: salt & 4 ? 4 : 0, length: 16, bad: 0 };
  const nested = step(tenant, world, 'viommu_nest', { device, viommu, ...stage });
  if (nested < 0) return nested;
  const attached = step(tenant, world, 'device_attach', { device: 0, pt: nested });
  const area = side.reference.ioas(ioas)?.areas[0];
  if (area !== undefined) touch(tenant, world, Number(area.start / 4096n), salt);
  return attached;
};

/** A page table for a PASID of the first device, and perhaps another that takes its place. */
const pasid: Scene = (tenant, world, ioas, salt) => {
  const device = sideOf(tenant).side.reference.devices[0]!.id;
  const attach = (flags: number): number => {
    const pt = step(tenant, world, 'hwpt_alloc', { device, pt: ioas, flags, fault: 0 });
    return pt < 0 ? pt : step(tenant, world, 'pasid_attach', { pasid: 1 + (salt & 1), pt, detach: 0 });
  };
  // A page table that is not for PASIDs would be in their way.
  if (!(salt & 16)) step(tenant, world, 'device_detach', { device: 0 });
  attach(PASID);
  if (salt & 2) attach(salt & 4 ? PASID : 0);
  return salt & 8 ? step(tenant, world, 'pasid_attach', { pasid: 1 + (salt & 1), pt: 0, detach: 1 }) : 0;
};
const PASID = 8;
const FAULTS = 4;

const SCENES: readonly Scene[] = [dirty, faults, events, top, small, pinner, hardware, guest, pasid, files];

const scene: Operation = {
  name: 'iommufd_scene',
  needs: 'ioas',
  args: ['scene', 'ioas', 'salt'],
  weights: whileOpen(42),
  generate: (random, tenant) => ({
    scene: random.below(SCENES.length),
    ioas: sideOf(tenant).side.anyId(random, 'ioas', 2),
    salt: random.below(256),
  }),
  run: (tenant, { scene, ioas, salt }, world) => SCENES[scene! % SCENES.length]!(tenant, world, ioas!, salt!),
};

export const IOMMUFD_SCENES: readonly Operation[] = [scene];
