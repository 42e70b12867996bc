/** Mappings of an iommufd: of memory, of files, copied, unmapped, by its own calls and by those of a container. */
import { IOAS_MAP_FLAG } from '../../uapi/iommufd.ts';
import { VFIO } from '../../uapi/vfio.ts';
import { agree } from '../bench/agree.ts';
import type { Bench } from '../bench/bench.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { FILE_PAGES } from '../bench/memory.ts';
import { attempt, hold } from '../bench/verdict.ts';
import type { Random } from '../random.ts';
import type { ReferencePages } from '../reference/io-pages.ts';
import type { ReferenceIoas } from '../reference/ioas.ts';
import * as U from '../reference/u64.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { ALL_PAGES, addressOf, anyFailure, anyOffset, anyPage, anySpan, oddSize, u64 } from './bench-values.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const { FIXED_IOVA, WRITEABLE, READABLE } = IOAS_MAP_FLAG;

export const sideOf = (tenant: Tenant): { readonly bench: Bench; readonly side: IommufdBench } => ({
  bench: tenant.bench!,
  side: tenant.bench!.iommufd!,
});

/** Mostly both rights and a place; some without either, or with bits that mean nothing. */
const anyFlags = (random: Random): number =>
  random.chance(85)
    ? (random.chance(75) ? FIXED_IOVA : 0) | (random.chance(75) ? READABLE | WRITEABLE : random.pick([READABLE, WRITEABLE]))
    : random.below(16);

/** Just behind a mapping, over one, or anywhere. */
function anyIova(random: Random, space: ReferenceIoas | undefined, world: World): number {
  if (space === undefined || space.areas.length === 0 || random.chance(60)) return anyPage(random, world);
  const { start, last } = random.pick(space.areas);
  return random.chance(75) ? Number((last + 1n) / 4096n) % ALL_PAGES : Number(start / 4096n);
}

/** The checks that come before the address space is looked up (ioas.c: iommufd_ioas_map, conv_iommu_prot). */
function early(flags: number, iova: bigint, length: bigint): number {
  if ((flags & ~7) !== 0) return -U.EOPNOTSUPP;
  if (iova >= U.TOP || length >= U.TOP) return -U.EOVERFLOW;
  return (flags & (READABLE | WRITEABLE)) === 0 ? -U.EINVAL : 0;
}

/** The IOVA as the door tells it, which is a number; what is larger than that is told by its upper part. */
const answerOf = (placed: bigint | number): number => Number(placed);

function place(space: ReferenceIoas, pages: ReferencePages, offset: number, length: bigint, flags: number, iova: bigint) {
  const where = flags & FIXED_IOVA ? iova : undefined;
  return answerOf(space.map([{ pages, offset, length }], where, (flags & READABLE) !== 0, (flags & WRITEABLE) !== 0));
}

const map: Operation = {
  name: 'ioas_map',
  needs: 'ioas',
  args: ['ioas', 'region', 'page', 'pages', 'iova', 'flags', 'vaddrOffset', 'iovaOffset', 'sizeOffset', 'fail'],
  weights: whileOpen(26),
  generate(random, tenant, world): Args {
    const { side } = sideOf(tenant);
    const ioas = side.anyId(random, 'ioas', 4);
    const space = side.reference.ioas(ioas);
    const { region, page, pages } = anySpan(random);
    const odd = random.chance(16);
    // Bytes are the unit as long as nothing wants pages.
    const fine = space?.alignment === 1n && random.chance(30);
    return {
      ioas,
      region,
      page,
      pages: odd && random.chance(40) ? oddSize(random) : pages,
      iova: anyIova(random, space, world),
      flags: anyFlags(random),
      vaddrOffset: odd || fine ? anyOffset(random, fine ? 50 : 15) : 0,
      iovaOffset: odd || fine ? anyOffset(random, fine ? 50 : 15) : 0,
      sizeOffset: odd || fine ? anyOffset(random, fine ? 50 : 25) : 0,
      fail: anyFailure(random),
    };
  },
  run(tenant, args, world) {
    const { bench, side } = sideOf(tenant);
    const flags = args['flags']!;
    const address = addressOf(bench, args['region']!, args['page']!, args['vaddrOffset']!);
    const iova = u64(args['iova']!, args['iovaOffset']!);
    const length = u64(args['pages']!, args['sizeOffset']!);
    const fields = { ioas_id: args['ioas']!, flags, user_va: address, iova, length };
    const result = attempt(world, args['fail']!, {
      name: 'IOAS_MAP',
      call: () => side.client.call('IOAS_MAP', fields) || side.client.field('IOAS_MAP', 'iova'),
      expect: () => expectMap(side, args['ioas']!, flags, address, iova, length),
    });
    agree(world, tenant);
    return result;
  },
};

function expectMap(side: IommufdBench, id: number, flags: number, address: bigint, iova: bigint, length: bigint): number {
  const refused = early(flags, iova, length);
  if (refused !== 0) return refused;
  const space = side.reference.ioas(id);
  if (space === undefined) return -U.ENOENT;
  const wrong = checkUser(address, length);
  if (wrong !== 0) return wrong;
  const pages = side.userPages(address, (flags & WRITEABLE) !== 0);
  return place(space, pages, Number(address % 4096n), length, flags, iova);
}

function checkUser(address: bigint, length: bigint): number {
  if (address + length > U.TOP) return -U.EOVERFLOW;
  return length === 0n || length > U.TOP - 4096n ? -U.EINVAL : 0;
}

const FD = { MEMFD: 0, DMA_BUF: 1, OTHER: 2, CLOSED: 3 } as const;

const mapFile: Operation = {
  name: 'ioas_map_file',
  needs: 'ioas',
  args: ['ioas', 'file', 'page', 'pages', 'iova', 'flags', 'startOffset', 'sizeOffset', 'fail'],
  weights: whileOpen(9),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    const ioas = side.anyId(random, 'ioas', 4);
    const file = random.chance(50) ? FD.MEMFD : random.chance(80) ? FD.DMA_BUF : random.below(4);
    const page = random.below(file === FD.DMA_BUF ? 2 : FILE_PAGES);
    return {
      ioas,
      file,
      page: random.chance(4) ? ALL_PAGES - 1 : page,
      pages: random.chance(90) ? 1 + random.below(file === FD.DMA_BUF ? 2 : FILE_PAGES - page) : oddSize(random),
      iova: anyIova(random, side.reference.ioas(ioas), world),
      flags: anyFlags(random),
      startOffset: anyOffset(random, 8),
      sizeOffset: anyOffset(random, 8),
      fail: anyFailure(random),
    };
  },
  run(tenant, args, world) {
    const { side } = sideOf(tenant);
    const flags = args['flags']!;
    const fd = [side.memfd, side.dmaBuf, side.otherFd, 99][args['file']!] ?? -1;
    const start = u64(args['page']!, args['startOffset']!);
    const length = u64(args['pages']!, args['sizeOffset']!);
    const iova = u64(args['iova']!);
    const fields = { ioas_id: args['ioas']!, flags, fd, start, iova, length };
    const result = attempt(world, args['fail']!, {
      name: 'IOAS_MAP_FILE',
      call: () => side.client.call('IOAS_MAP_FILE', fields) || side.client.field('IOAS_MAP_FILE', 'iova'),
      expect: () => expectFile(side, args['ioas']!, flags, fd, start, iova, length),
    });
    agree(world, tenant);
    return result;
  },
};

function expectFile(
  side: IommufdBench,
  id: number,
  flags: number,
  fd: number,
  start: bigint,
  iova: bigint,
  length: bigint,
): number {
  const refused = early(flags, iova, length);
  if (refused !== 0) return refused;
  const space = side.reference.ioas(id);
  if (space === undefined) return -U.ENOENT;
  if (length === 0n) return -U.EINVAL;
  if (U.wraps(start, length)) return -U.EOVERFLOW;
  const pages = side.filePages(fd, start, length, (flags & WRITEABLE) !== 0);
  return typeof pages === 'number' ? pages : place(space, pages, Number(start % 4096n), length, flags, iova);
}

const copy: Operation = {
  name: 'ioas_copy',
  needs: 'ioas',
  args: ['to', 'from', 'source', 'pages', 'iova', 'flags', 'offset', 'sizeOffset', 'fail'],
  weights: whileOpen(10),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    const from = side.anyId(random, 'ioas', 4);
    const to = side.anyId(random, 'ioas', 4);
    const areas = side.reference.ioas(from)?.areas ?? [];
    if (areas.length === 0 && random.chance(80)) return undefined;
    const area = areas.length === 0 ? undefined : random.pick(areas);
    const first = area === undefined ? anyPage(random, world) : Number(area.start / 4096n);
    const pages = area === undefined ? 1 : Number((area.last - area.start) / 4096n) + 1;
    const skip = random.chance(60) ? 0 : random.below(Math.min(pages, 8));
    return {
      to,
      from,
      source: first + skip,
      pages: random.chance(80) ? Math.max(1, pages - skip - (random.chance(30) ? 1 : 0)) : pages + 1,
      iova: anyIova(random, side.reference.ioas(to), world),
      flags: anyFlags(random),
      offset: anyOffset(random, 6),
      sizeOffset: anyOffset(random, 6),
      fail: anyFailure(random),
    };
  },
  run(tenant, args, world) {
    const { side } = sideOf(tenant);
    const flags = args['flags']!;
    const source = u64(args['source']!, args['offset']!);
    const length = u64(args['pages']!, args['sizeOffset']!);
    const iova = u64(args['iova']!);
    const fields = { dst_ioas_id: args['to']!, src_ioas_id: args['from']!, src_iova: source, dst_iova: iova, length, flags };
    const result = attempt(world, args['fail']!, {
      name: 'IOAS_COPY',
      call: () => side.client.call('IOAS_COPY', fields) || side.client.field('IOAS_COPY', 'dst_iova'),
      expect: () => expectCopy(side, args['to']!, args['from']!, flags, source, iova, length),
    });
    agree(world, tenant);
    return result;
  },
};

function expectCopy(
  side: IommufdBench,
  to: number,
  from: number,
  flags: number,
  source: bigint,
  iova: bigint,
  length: bigint,
): number {
  if ((flags & ~7) !== 0) return -U.EOPNOTSUPP;
  if (iova >= U.TOP || length >= U.TOP || source >= U.TOP) return -U.EOVERFLOW;
  if ((flags & (READABLE | WRITEABLE)) === 0) return -U.EINVAL;
  const space = side.reference.ioas(from);
  if (space === undefined) return -U.ENOENT;
  if (length === 0n) return -U.EINVAL;
  if (U.wraps(source, length)) return -U.EOVERFLOW;
  const pieces = space.pieces(source, source + length - 1n);
  if (typeof pieces === 'number') return pieces;
  const target = side.reference.ioas(to);
  if (target === undefined) return -U.ENOENT;
  const where = flags & FIXED_IOVA ? iova : undefined;
  return answerOf(target.map(pieces, where, (flags & READABLE) !== 0, (flags & WRITEABLE) !== 0));
}

/** A mapping, several, a part of one, everything, or what was never mapped. */
export function anyRange(random: Random, space: ReferenceIoas | undefined, world: World): { iova: bigint; length: bigint } {
  const areas = space?.areas ?? [];
  if (areas.length === 0 || random.chance(8)) return { iova: u64(anyPage(random, world)), length: u64(1 + random.below(9)) };
  const { start, last } = random.pick(areas);
  const length = last - start + 1n;
  const choice = random.below(10);
  if (choice < 5) return { iova: start, length };
  if (choice < 6) return { iova: start, length: length > 4096n ? length - 4096n : length };
  if (choice < 7) return { iova: start + 4096n, length: length > 4096n ? length - 4096n : length };
  if (choice < 8) return { iova: start > 8192n ? start - 8192n : 0n, length: length + 16384n };
  return { iova: start, length: areas.at(-1)!.last - start + 1n };
}

const split = (value: bigint): readonly [page: number, offset: number] => [Number(value / 4096n), Number(value % 4096n)];

const unmap: Operation = {
  name: 'ioas_unmap',
  needs: 'ioas',
  args: ['ioas', 'iova', 'pages', 'iovaOffset', 'sizeOffset'],
  weights: whileOpen(16),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    const ioas = side.anyId(random, 'ioas', 4);
    // All: iova 0 and the length all ones.
    if (random.chance(7)) return { ioas, iova: 0, pages: ALL_PAGES - 1, iovaOffset: 0, sizeOffset: 4095 };
    const { iova, length } = anyRange(random, side.reference.ioas(ioas), world);
    const [page, offset] = split(iova);
    const [pages, rest] = split(length);
    return {
      ioas,
      iova: page,
      pages: random.chance(4) ? oddSize(random) : pages,
      iovaOffset: random.chance(4) ? anyOffset(random, 100) : offset,
      sizeOffset: random.chance(6) ? anyOffset(random, 100) : rest,
    };
  },
  run(tenant, args, world) {
    const { side } = sideOf(tenant);
    const iova = u64(args['iova']!, args['iovaOffset']!);
    const length = u64(args['pages']!, args['sizeOffset']!);
    const expected = expectUnmap(side, args['ioas']!, iova, length);
    const result =
      side.client.call('IOAS_UNMAP', { ioas_id: args['ioas']!, iova, length }) || side.client.field('IOAS_UNMAP', 'length');
    hold(world, 'IOAS_UNMAP', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectUnmap(side: IommufdBench, id: number, iova: bigint, length: bigint): number {
  const space = side.reference.ioas(id);
  if (space === undefined) return -U.ENOENT;
  const all = iova === 0n && length === U.TOP;
  if (!all && (iova >= U.TOP || length >= U.TOP)) return -U.EOVERFLOW;
  if (length === 0n) return -U.EINVAL;
  if (!all && U.wraps(iova, length)) return -U.EOVERFLOW;
  const { error, bytes } = space.unmap(iova, all ? U.TOP : iova + length - 1n);
  if (error !== 0) return error;
  return bytes === 0n && !all ? -U.ENOENT : Number(bytes);
}

/** MAP_DMA and UNMAP_DMA on the iommufd itself. */
const vfioMap: Operation = {
  name: 'compat_map',
  needs: 'ioas',
  args: ['region', 'page', 'pages', 'iova', 'flags'],
  weights: whileOpen(6),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    if (side.reference.compat === undefined && random.chance(95)) return undefined;
    const { region, page, pages } = anySpan(random);
    const iova = anyIova(random, side.reference.compat, world);
    return { region, page, pages, iova, flags: random.chance(80) ? 3 : random.below(5) };
  },
  run(tenant, args, world) {
    const { bench, side } = sideOf(tenant);
    const address = addressOf(bench, args['region']!, args['page']!);
    const [iova, length, flags] = [u64(args['iova']!), u64(args['pages']!), args['flags']!];
    const expected = expectVfioMap(side, flags, address, iova, length);
    const view = bench.scratch.begin(32);
    view.setUint32(0, 32, true);
    view.setUint32(4, flags, true);
    view.setBigUint64(8, address, true);
    view.setBigUint64(16, iova, true);
    view.setBigUint64(24, length, true);
    const result = bench.process.ioctl(side.client.fd, VFIO.IOMMU_MAP_DMA, bench.scratch.put(32));
    hold(world, 'MAP_DMA', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectVfioMap(side: IommufdBench, flags: number, address: bigint, iova: bigint, length: bigint): number {
  if ((flags & ~3) !== 0) return -U.EINVAL;
  const space = side.reference.compat;
  if (space === undefined) return -U.ENODEV;
  const wrong = checkUser(address, length);
  if (wrong !== 0) return wrong;
  const pages = side.userPages(address, (flags & 2) !== 0);
  const piece = { pages, offset: Number(address % 4096n), length };
  const placed = space.map([piece], iova, (flags & 1) !== 0, (flags & 2) !== 0);
  return typeof placed === 'number' ? placed : 0;
}

const vfioUnmap: Operation = {
  name: 'compat_unmap',
  needs: 'ioas',
  args: ['iova', 'pages', 'all'],
  weights: whileOpen(6),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    if (side.reference.compat === undefined && random.chance(95)) return undefined;
    if (random.chance(8)) return { iova: 0, pages: random.chance(80) ? 0 : 1, all: 1 };
    const { iova, length } = anyRange(random, side.reference.compat, world);
    return { iova: Number(iova / 4096n), pages: Number(length / 4096n), all: 0 };
  },
  run(tenant, args, world) {
    const { bench, side } = sideOf(tenant);
    const [iova, length, all] = [u64(args['iova']!), u64(args['pages']!), args['all'] !== 0];
    const { error, bytes } = expectVfioUnmap(side, iova, length, all);
    const view = bench.scratch.begin(24);
    view.setUint32(0, 24, true);
    view.setUint32(4, all ? 2 : 0, true);
    view.setBigUint64(8, iova, true);
    view.setBigUint64(16, length, true);
    const result = bench.process.ioctl(side.client.fd, VFIO.IOMMU_UNMAP_DMA, bench.scratch.put(24));
    hold(world, 'UNMAP_DMA', result, error);
    const told = Number(bench.scratch.take(24).getBigUint64(16, true));
    if (error === 0 && result === 0) hold(world, 'UNMAP_DMA', told, Number(bytes));
    agree(world, tenant);
    return result < 0 ? result : told;
  },
};

function expectVfioUnmap(side: IommufdBench, iova: bigint, length: bigint, all: boolean): { error: number; bytes: bigint } {
  const space = side.reference.compat;
  const failed = (error: number) => ({ error, bytes: 0n });
  if (space === undefined) return failed(-U.ENODEV);
  if (all) return iova === 0n && length === 0n ? space.unmap(0n, U.TOP) : failed(-U.EINVAL);
  if (space.hugePagesOff) {
    const error = space.cut(BigInt.asUintN(64, iova + length - 1n)) || (iova === 0n ? 0 : space.cut(iova - 1n));
    if (error !== 0) return failed(error);
  }
  if (length === 0n) return failed(-U.EINVAL);
  return U.wraps(iova, length) ? failed(-U.EOVERFLOW) : space.unmap(iova, iova + length - 1n);
}

export const IOMMUFD_MAP: readonly Operation[] = [map, mapFile, copy, unmap, vfioMap, vfioUnmap];
