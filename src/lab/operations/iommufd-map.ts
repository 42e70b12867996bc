/** Mappings of an iommufd: of memory, of files, and copied. */
import { IOAS_MAP_FLAG } from '../../uapi/iommufd.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { FILE_PAGES } from '../bench/memory.ts';
import { attempt } from '../bench/verdict.ts';
import type { ReferencePages } from '../reference/io-pages.ts';
import type { ReferenceIoas } from '../reference/ioas.ts';
import * as U from '../reference/u64.ts';
import { ALL_PAGES, addressOf, anyFailure, anyOffset, anyPage, anySpan, oddSize, u64 } from './bench-values.ts';
import { anyFlags, anyIova, sideOf } from './iommufd-arguments.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const { FIXED_IOVA, WRITEABLE, READABLE } = IOAS_MAP_FLAG;

/** The checks that come before the address space is looked up (ioas.c: iommufd_ioas_map, conv_iommu_prot). */
function early(flags: number, iova: bigint, length: bigint): number {
  if ((flags & ~7) !== 0) return -U.EOPNOTSUPP;
  if (iova >= U.TOP || length >= U.TOP) return -U.EOVERFLOW;
  return (flags & (READABLE | WRITEABLE)) === 0 ? -U.EINVAL : 0;
}

/** The IOVA as the door tells it, which is a number; what is larger than that is told by its upper part. */
const answerOf = (placed: bigint | number): number => Number(placed);

function place(
  space: ReferenceIoas,
  pages: ReferencePages,
  offset: number,
  length: bigint,
  flags: number,
  iova: bigint,
) {
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
    const result = attempt(world, tenant, args['fail']!, {
      name: 'IOAS_MAP',
      call: () => side.client.call('IOAS_MAP', fields) || side.client.field('IOAS_MAP', 'iova'),
      expect: () => expectMap(side, args['ioas']!, flags, address, iova, length),
    });
    agree(world, tenant);
    return result;
  },
};

function expectMap(
  side: IommufdBench,
  id: number,
  flags: number,
  address: bigint,
  iova: bigint,
  length: bigint,
): number {
  const refused = early(flags, iova, length);
  if (refused !== 0) return refused;
  const space = side.reference.ioas(id);
  if (space === undefined) return -U.ENOENT;
  const wrong = checkUser(address, length);
  if (wrong !== 0) return wrong;
  const pages = side.userPages(address, (flags & WRITEABLE) !== 0);
  return place(space, pages, Number(address % 4096n), length, flags, iova);
}

/** The checks on memory of a user (iopt_alloc_user_pages). */
export function checkUser(address: bigint, length: bigint): number {
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
    const result = attempt(world, tenant, args['fail']!, {
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
    const fields = {
      dst_ioas_id: args['to']!,
      src_ioas_id: args['from']!,
      src_iova: source,
      dst_iova: iova,
      length,
      flags,
    };
    const result = attempt(world, tenant, args['fail']!, {
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

export const IOMMUFD_MAP: readonly Operation[] = [map, mapFile, copy];
