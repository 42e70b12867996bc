import { VFIO } from '../../uapi/vfio.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { hold } from '../bench/verdict.ts';
import * as U from '../reference/u64.ts';
import { ALL_PAGES, addressOf, anyOffset, anySpan, oddSize, u64 } from './bench-values.ts';
import { anyIova, anyRange, sideOf } from './iommufd-arguments.ts';
import { checkUser } from './iommufd-map.ts';
import { type Operation, whileOpen } from './operation.ts';

const split = (value: bigint): readonly [page: number, offset: number] => [
  Number(value / 4096n),
  Number(value % 4096n),
];

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
      side.client.call('IOAS_UNMAP', { ioas_id: args['ioas']!, iova, length }) ||
      side.client.field('IOAS_UNMAP', 'length');
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

function expectVfioUnmap(
  side: IommufdBench,
  iova: bigint,
  length: bigint,
  all: boolean,
): { error: number; bytes: bigint } {
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

export const IOMMUFD_UNMAP: readonly Operation[] = [unmap, vfioMap, vfioUnmap];
