/** Page tables of an iommufd made by hand, what was written through them, and those that are nested on them. */

import { zeroedBytes } from '../../kernel/bytes.ts';
import { IOMMU, iommu_hwpt_vtd_s1 } from '../../uapi/iommufd.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { attempt, hold, holdObject } from '../bench/verdict.ts';
import { DIRTY_TRACKING_SOUNDNESS } from '../properties/dirty-tracking-soundness.ts';
import { FD_LIFETIME } from '../properties/fd-lifetime.ts';
import type { ReferenceHwpt, ReferenceObject } from '../reference/iommufd-objects.ts';
import * as U from '../reference/u64.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { anyFailure, anyOffset, PAGE_SIZES, u64 } from './bench-values.ts';
import { anyRange, sideOf } from './iommufd-arguments.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const alloc: Operation = {
  name: 'hwpt_alloc',
  needs: 'ioas',
  args: ['device', 'pt', 'flags', 'fault', 'fail'],
  weights: whileOpen(8),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const fault = side.anyId(random, 'fault');
    const queue = side.reference.objects.get(fault)?.kind === 'fault';
    return {
      device: side.anyId(random, 'device'),
      pt: side.anyId(random, random.chance(90) ? 'ioas' : 'hwpt-paging'),
      flags: random.chance(85) ? random.pick([2, 2, 2, 3, 0, 1, queue ? 6 : 2]) : random.below(17),
      fault,
      fail: anyFailure(random),
    };
  },
  run(tenant, { device, pt, flags, fault, fail }, world) {
    const { side } = sideOf(tenant);
    const fields = { dev_id: device!, pt_id: pt!, flags: flags!, fault_id: fault! };
    const result = attempt(world, tenant, fail!, {
      name: 'HWPT_ALLOC',
      property: FD_LIFETIME.name,
      call: () => side.client.call('HWPT_ALLOC', fields) || side.client.field('HWPT_ALLOC', 'out_hwpt_id'),
      expect: () => side.reference.allocHwpt(device!, pt!, flags!, fault!),
    });
    agree(world, tenant);
    return result;
  },
};

const DATA_AT = 0x8000;

/** A first stage of the user's: what it is made of is in memory. */
const nest: Operation = {
  name: 'hwpt_nest',
  needs: 'ioas',
  args: ['device', 'pt', 'width', 'flags', 'length', 'bad'],
  weights: whileOpen(3),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    return {
      device: side.anyId(random, 'device'),
      pt: side.anyId(random, 'hwpt-paging'),
      width: random.chance(85) ? 48 : 39,
      flags: random.chance(85) ? 0 : random.below(8),
      length: random.chance(90) ? iommu_hwpt_vtd_s1.size : random.pick([8, 16, 32]),
      bad: random.chance(8) ? 1 : 0,
    };
  },
  run(tenant, { device, pt, width, flags, length, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const { at, size } = iommu_hwpt_vtd_s1;
    const data = zeroedBytes(size);
    const view = new DataView(data.buffer, data.byteOffset, size);
    view.setBigUint64(at.flags, BigInt(flags!), true);
    view.setUint32(at.addr_width, width!, true);
    bench.process.memory.write(bench.scratch.address + DATA_AT, data);
    // What the first stage says is looked at by attaching it.
    const refused = width !== 48 || (flags! & 3) !== 0;
    const expected = expectNested(side, device!, pt!, length!, bad !== 0, refused);
    const result =
      side.client.call('HWPT_ALLOC', {
        dev_id: device!,
        pt_id: pt!,
        data_type: 1,
        data_len: length!,
        data_uptr: bad ? 0x1000 : bench.scratch.address + DATA_AT,
      }) || side.client.field('HWPT_ALLOC', 'out_hwpt_id');
    holdObject(world, 'HWPT_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectNested(
  side: IommufdBench,
  device: number,
  pt: number,
  length: number,
  bad: boolean,
  refused: boolean,
): number {
  const { reference } = side;
  if (reference.objects.get(device)?.kind !== 'device') return -U.ENOENT;
  const object = reference.objects.get(pt);
  if (object?.kind === 'ioas') return -U.EOPNOTSUPP;
  if (object?.kind !== 'hwpt-paging') return -U.EINVAL;
  const hwpt = object.hwpt!;
  if (hwpt.automatic || !hwpt.nestParent) return -U.EINVAL;
  if (length !== iommu_hwpt_vtd_s1.size) return -U.EINVAL;
  return bad ? -U.EFAULT : reference.allocNested(pt, refused);
}

const track: Operation = {
  name: 'hwpt_track',
  needs: 'ioas',
  args: ['hwpt', 'flags'],
  weights: whileOpen(5),
  generate: (random, tenant) => ({
    hwpt: sideOf(tenant).side.anyId(random, 'hwpt-paging'),
    flags: random.chance(90) ? (random.chance(80) ? 1 : 0) : 2,
  }),
  run(tenant, { hwpt, flags }, world) {
    const { side } = sideOf(tenant);
    const object = side.reference.objects.get(hwpt!);
    const known = object?.kind === 'hwpt-paging' ? object.hwpt : undefined;
    let expected = 0;
    if (flags! > 1) expected = -U.EOPNOTSUPP;
    else if (known === undefined) expected = -U.ENOENT;
    else if (!known.dirtyTracking) expected = -U.EOPNOTSUPP;
    else {
      known.tracking = flags === 1;
      known.dirty.clear();
    }
    const result = side.client.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt!, flags: flags! });
    hold(world, 'SET_DIRTY_TRACKING', result, expected, DIRTY_TRACKING_SOUNDNESS.name);
    return result;
  },
};

/** Room for bitmaps, in bytes from the scratch memory's start; longer ones are asked of ranges that are not looked at. */
const BITMAP_AT = 0x1_0000;
const BITMAP_ROOM = 0x8000;
/** Where bitmaps begin in their page: users need not align them, and one that begins at its end goes on in the next. */
const BEGINNINGS = [0, 0, 8, 1, 4088, 4095] as const;

const ask: Operation = {
  name: 'hwpt_dirty',
  needs: 'ioas',
  args: ['hwpt', 'iova', 'pages', 'iovaOffset', 'sizeOffset', 'pageSize', 'flags', 'bad', 'begin'],
  weights: whileOpen(16),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    const written = [...side.reference.objects].filter(([, { hwpt }]) => hwpt !== undefined && hwpt.dirty.size > 0);
    if (written.length === 0 && random.chance(50)) return undefined;
    const tracked =
      written.length > 0
        ? written
        : [...side.reference.objects].filter(([, { kind, hwpt }]) => kind === 'hwpt-paging' && hwpt!.tracking);
    const hwpt = tracked.length > 0 && random.chance(90) ? random.pick(tracked)[0] : side.anyId(random, 'hwpt-paging');
    const known = side.reference.objects.get(hwpt)?.hwpt;
    const [page] = known?.dirty ?? [];
    const { iova, length } =
      page !== undefined && random.chance(40) ? { iova: page, length: 4096n } : anyRange(random, known?.ioas, world);
    const odd = random.chance(25);
    // Of 31 bits and more: what a shift of 32 bits makes of them is another size.
    const wide = random.chance(25);
    const size = wide ? 4 + random.below(4) : odd ? random.below(PAGE_SIZES.length) : random.pick([0, 0, 0, 1, 2]);
    // Ends have to fit a large page: the range is made of such.
    const unit = Math.max(1, Number(PAGE_SIZES[size]! / 4096n));
    const whole = random.chance(85);
    const first = Math.floor(Number(iova / 4096n) / unit) * unit;
    const last = Math.ceil(Number((iova + length) / 4096n) / unit) * unit;
    return {
      hwpt,
      iova: whole ? first : Number(iova / 4096n),
      pages: whole ? Math.max(unit, last - first) : Number(length / 4096n),
      iovaOffset: odd ? anyOffset(random, 10) : 0,
      sizeOffset: odd ? anyOffset(random, 10) : 0,
      pageSize: size,
      flags: random.chance(75) ? 0 : random.chance(80) ? NO_CLEAR : random.below(3),
      bad: random.chance(4) ? 1 : 0,
      begin: random.pick(BEGINNINGS),
    };
  },
  run(tenant, args, world) {
    const result = askOnce(tenant, args, world, args['flags']!);
    // Who looked without clearing finds the same when he collects.
    if (result === 0 && args['flags'] === NO_CLEAR) askOnce(tenant, args, world, 0);
    // Who asked for a part of a mapping finds the rest.
    if (result === 0 && args['flags'] === 0) askRest(tenant, args, world);
    return result;
  },
};

const NO_CLEAR = 1;
/** Pages from which on an IOMMU may have a large one, with one bit for all of it. */
const LARGE = 512n;

function askRest(tenant: Tenant, args: Args, world: World): void {
  const object = sideOf(tenant).side.reference.objects.get(args['hwpt']!);
  const iova = u64(args['iova']!, args['iovaOffset']!);
  const area = object?.hwpt?.ioas.at(iova);
  if (area === undefined || object?.kind !== 'hwpt-paging') return;
  const pages = (area.last - area.start + 1n) / 4096n;
  if (pages >= LARGE || pages <= BigInt(args['pages']!) || area.start % 4096n !== 0n) return;
  const whole = { iova: Number(area.start / 4096n), pages: Number(pages), iovaOffset: 0, sizeOffset: 0, pageSize: 0 };
  askOnce(tenant, { ...args, ...whole, bad: 0 }, world, 0);
}

function askOnce(tenant: Tenant, args: Args, world: World, flags: number): number {
  const { bench, side } = sideOf(tenant);
  const iova = u64(args['iova']!, args['iovaOffset']!);
  const length = u64(args['pages']!, args['sizeOffset']!);
  const pageSize = PAGE_SIZES[args['pageSize']!]!;
  const object = side.reference.objects.get(args['hwpt']!);
  const hwpt = object?.kind === 'hwpt-paging' ? object.hwpt : undefined;
  const expected = expectAsk(hwpt, flags, iova, length, pageSize);
  const place = bench.scratch.address + BITMAP_AT;
  const begin = (args['begin'] ?? 0) % 4096;
  const address = args['bad'] ? 0x1000 : place + begin;
  bench.process.memory.write(place, zeroedBytes(BITMAP_ROOM));
  const result = side.client.call('HWPT_GET_DIRTY_BITMAP', {
    hwpt_id: args['hwpt']!,
    flags,
    iova,
    length,
    page_size: pageSize,
    data: address,
  });
  hold(world, 'GET_DIRTY_BITMAP', result, expected, DIRTY_TRACKING_SOUNDNESS.name);
  if (result === 0 && expected === 0) {
    const bytes = args['bad'] ? undefined : bench.process.memory.copyIn(place, BITMAP_ROOM)!;
    world.checks.dirty.hwptTells(hwpt!, bytes?.subarray(begin), iova, length, pageSize, flags === 0);
    if (bytes !== undefined) world.checks.residue.within(bytes, begin, bitsOf(length, pageSize));
  }
  return result;
}

/** How many bits a bitmap has: of an odd page size the lowest bit counts (iova_bitmap.c: __ffs). */
const bitsOf = (length: bigint, pageSize: bigint): number => {
  const unit = pageSize & -pageSize;
  return Number((length + unit - 1n) / unit);
};

function expectAsk(
  hwpt: ReferenceHwpt | undefined,
  flags: number,
  iova: bigint,
  length: bigint,
  pageSize: bigint,
): number {
  if (flags > 1) return -U.EOPNOTSUPP;
  if (hwpt === undefined) return -U.ENOENT;
  if (length === 0n) return -U.EINVAL;
  if (U.wraps(iova, length)) return -U.EOVERFLOW;
  const { alignment } = hwpt.ioas;
  if (iova % alignment !== 0n || (iova + length) % alignment !== 0n || pageSize === 0n) return -U.EINVAL;
  const mask = pageSize - 1n;
  if ((iova & mask) !== 0n || ((iova + length) & mask) !== 0n) return -U.EINVAL;
  return hwpt.dirtyTracking ? 0 : -U.EOPNOTSUPP;
}

/** Bytes of entries, all of them zero. */
const ENTRIES = 0x400;

/** INVALIDATE of a nested page table: how many entries were handled comes back, whatever happens. */
const invalidate: Operation = {
  name: 'hwpt_invalidate',
  needs: 'ioas',
  args: ['hwpt', 'count', 'length', 'type', 'bad'],
  weights: whileOpen(2),
  generate(random, tenant) {
    const kind = random.chance(75) ? 'hwpt-nested' : 'hwpt-paging';
    return {
      hwpt: sideOf(tenant).side.anyId(random, kind),
      count: random.pick([0, 1, 2, 5, 2 ** 19, 2 ** 19 + 1, 0xffff_ffff]),
      length: random.chance(80) ? 24 : random.pick([0, 8, 16, 4096, 4097, 0xffff_ffff]),
      type: random.chance(85) ? 0 : 1,
      bad: random.chance(10) ? 1 : 0,
    };
  },
  run(tenant, { hwpt, count, length, type, bad }, world) {
    const { bench, side } = sideOf(tenant);
    const view = bench.scratch.begin(32);
    view.setUint32(0, 32, true);
    view.setUint32(4, hwpt!, true);
    view.setBigUint64(8, BigInt(bad ? 0x1000 : bench.scratch.address + DATA_AT), true);
    view.setUint32(16, type!, true);
    view.setUint32(20, length!, true);
    view.setUint32(24, count!, true);
    bench.process.memory.write(bench.scratch.address + DATA_AT, zeroedBytes(ENTRIES));
    const object = side.reference.objects.get(hwpt!);
    const [error, handled] = expectInvalidate(object, count!, length!, type!, bad !== 0);
    const result = bench.process.ioctl(side.client.fd, IOMMU.HWPT_INVALIDATE, bench.scratch.put(32));
    // Long lists run on into other memory of the tenant: how far is not the point.
    if (count! <= 5 && (count! === 0 || length! > 4096 || count! * length! <= ENTRIES)) {
      hold(world, 'INVALIDATE', result, error);
      hold(world, 'INVALIDATE, entries', bench.scratch.take(32).getUint32(24, true), handled);
    }
    return result;
  },
};

function expectInvalidate(
  object: ReferenceObject | undefined,
  count: number,
  length: number,
  type: number,
  bad: boolean,
): [error: number, handled: number] {
  if (count > 0 && (length === 0 || length > 4096 || count > 2 ** 19)) return [-U.EINVAL, 0];
  const kind = object?.kind;
  if (kind === undefined) return [-U.ENOENT, 0];
  if (kind === 'viommu') {
    if (type !== 1) return [-U.EINVAL, 0];
    // All is zero, which is no command that a guest may give.
    return [count === 0 ? 0 : bad ? -U.EFAULT : -U.EIO, 0];
  }
  if (kind !== 'hwpt-nested') return [-U.EINVAL, 0];
  // A guest's caches are its virtual IOMMU's.
  if (object?.hwpt?.stage !== undefined) return [-U.EOPNOTSUPP, 0];
  if (type !== 0) return [-U.EINVAL, 0];
  if (count === 0) return [0, 0];
  if (length !== 24) return [-U.EINVAL, 0];
  return bad ? [-U.EFAULT, 0] : [0, count];
}

export const IOMMUFD_HWPT: readonly Operation[] = [alloc, nest, track, ask, invalidate];
