/** Calls of an iommufd with structs that are shorter than the kernel's, or longer; and calls that only tell something. */
import { IOMMU, iommu_hw_info, iommu_hwpt_alloc, iommu_ioas_alloc } from '../../uapi/iommufd.ts';
import { EXTENSION, INFO_CAP, iommu_type1_info, VFIO } from '../../uapi/vfio.ts';
import { agree } from '../bench/agree.ts';
import type { Bench } from '../bench/bench.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { hold } from '../bench/verdict.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import * as U from '../reference/u64.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { sideOf } from './iommufd-arguments.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const SIZES = [0, 4, 8, 12, 16, 20, 24, 28, 31, 32, 36, 40, 44, 47, 48, 52, 56, 64, 72, 96, 128] as const;
/** Where answers go that a struct points to. */
const DATA_AT = 0x8000;
const DATA_ROOM = 64;
const UNTOUCHED = 0xee;
const robust = STREAM_ROBUSTNESS.name;

const odd: Operation = {
  name: 'iommufd_odd',
  needs: 'ioas',
  args: ['what', 'argsz', 'tail', 'id', 'ioas', 'room'],
  weights: whileOpen(8),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const what = random.below(CALLS.length);
    return {
      what,
      argsz: random.pick(SIZES),
      tail: random.chance(50) ? 1 : 0,
      id: side.anyId(random, 'device'),
      ioas: side.anyId(random, 'ioas'),
      room: random.pick([0, 8, 20, 24, 25, 40, 64]),
    };
  },
  run(tenant, args, world) {
    const result = CALLS[args['what']! % CALLS.length]!(tenant, args, world);
    agree(world, tenant);
    return result;
  },
};

/** The struct as the user gives it: cut off after `argsz` bytes, or with bytes behind that this kernel does not know. */
function give({ process, scratch }: Bench, fd: number, command: number, size: number, args: Args, fill: Fill): number {
  const argsz = args['argsz']!;
  const length = Math.max(argsz, size);
  const view = scratch.begin(length);
  view.setUint32(0, argsz, true);
  fill(view);
  if (args['tail'] && argsz > size) view.setUint8(argsz - 1, 1);
  return process.ioctl(fd, command, scratch.put(Math.max(argsz, 4)));
}

type Fill = (view: DataView) => void;

/** What every call checks first (main.c: iommufd_fops_ioctl, copy_struct_from_user). */
function early({ argsz, tail }: Args, least: number, size: number): number {
  if (argsz! < least) return -U.EINVAL;
  return tail && argsz! > size ? -U.E2BIG : 0;
}

const ioasAlloc: Call = (tenant, args, world) => {
  const { bench, side } = sideOf(tenant);
  if (side.reference.spaces.length >= 3) return -1;
  const { size, at } = iommu_ioas_alloc;
  const expected = early(args, size, size) || side.reference.newIoas();
  const error = give(bench, side.client.fd, IOMMU.IOAS_ALLOC, size, args, () => {});
  const result = error || bench.scratch.take(size).getUint32(at.out_ioas_id, true);
  hold(world, 'IOAS_ALLOC', result, expected, robust);
  return result;
};

const hwptAlloc: Call = (tenant, args, world) => {
  const { bench, side } = sideOf(tenant);
  const { size, at } = iommu_hwpt_alloc;
  const expected = early(args, at.__reserved + 4, size) || side.reference.allocHwpt(args['id']!, args['ioas']!, 0, 0);
  const error = give(bench, side.client.fd, IOMMU.HWPT_ALLOC, size, args, (view) => {
    view.setUint32(at.dev_id, args['id']!, true);
    view.setUint32(at.pt_id, args['ioas']!, true);
  });
  const result = error || bench.scratch.take(size).getUint32(at.out_hwpt_id, true);
  hold(world, 'HWPT_ALLOC', result, expected, robust);
  return result;
};

/** As much of the information as there is room for, and zeros behind it. */
const hwInfo: Call = (tenant, args, world) => {
  const { bench, side } = sideOf(tenant);
  const { process, scratch } = bench;
  const { size, at } = iommu_hw_info;
  const data = scratch.address + DATA_AT;
  const room = Math.min(args['room']!, DATA_ROOM);
  process.memory.write(data, new Uint8Array(DATA_ROOM + 8).fill(UNTOUCHED));
  const device = side.reference.objects.get(args['id']!)?.kind === 'device';
  const expected = early(args, at.__reserved + 3, size) || (device ? 0 : -U.ENOENT);
  const result = give(bench, side.client.fd, IOMMU.GET_HW_INFO, size, args, (view) => {
    view.setUint32(at.dev_id, args['id']!, true);
    view.setUint32(at.data_len, room, true);
    view.setBigUint64(at.data_uptr, BigInt(data), true);
  });
  hold(world, 'GET_HW_INFO', result, expected, robust);
  const bytes = process.memory.copyIn(data, DATA_ROOM + 8)!;
  world.observe(tenant, bytes);
  const told = result === 0 && expected === 0 ? scratch.take(size).getUint32(at.data_len, true) : 0;
  if (
    bytes.subarray(told === 0 ? 0 : room).some((byte) => byte !== UNTOUCHED) ||
    !isClear(bytes.subarray(told, room), told)
  )
    world.checks.residue.beside('GET_HW_INFO');
  return result;
};

const isClear = (bytes: Uint8Array, told: number): boolean => told === 0 || bytes.every((byte) => byte === 0);

/** GET_INFO of a container, which an iommufd answers for its address space. */
const compatInfo: Call = (tenant, args, world) => {
  const { bench, side } = sideOf(tenant);
  const { process, scratch } = bench;
  const { at, size } = iommu_type1_info;
  const argsz = args['argsz']!;
  const { compat } = side.reference;
  for (const [extension, offered] of extensionsOf(bench, side)) {
    const told = process.ioctl(side.client.fd, VFIO.CHECK_EXTENSION, extension);
    hold(world, `CHECK_EXTENSION ${extension}`, told, offered, robust);
  }
  scratch.begin(Math.max(argsz, 4)).setUint32(0, argsz, true);
  const result = process.ioctl(side.client.fd, VFIO.IOMMU_GET_INFO, scratch.put(Math.max(argsz, 4)));
  const expected = argsz < at.cap_offset ? -U.EINVAL : compat === undefined ? -U.ENODEV : 0;
  hold(world, 'GET_INFO', result, expected, robust);
  if (result !== 0 || compat === undefined) return result;
  world.observe(tenant, process.memory.copyIn(scratch.address, argsz)!);
  const { usable } = compat;
  const needed = size + 16 + 16 + 16 * usable.length;
  if (argsz < size) return result;
  const view = scratch.take(argsz);
  hold(world, 'GET_INFO, argsz', view.getUint32(at.argsz, true), needed, robust);
  hold(world, 'GET_INFO, capabilities', view.getUint32(at.cap_offset, true), needed <= argsz ? size : 0, robust);
  if (needed > argsz) return result;
  const cap = size + 16;
  const known = view.getUint16(cap, true) === INFO_CAP.TYPE1_IOVA_RANGE && view.getUint32(cap + 8, true);
  const same = usable.every(
    ([first, last], i) =>
      view.getBigUint64(cap + 16 + 16 * i, true) === first && view.getBigUint64(cap + 24 + 16 * i, true) === last,
  );
  if (known !== usable.length || !same) world.checks.dma.otherRanges(compat.id);
  return result;
};

/** What an iommufd says of a container's extensions (vfio_compat.c: iommufd_vfio_check_extension). */
function extensionsOf({ devices }: Bench, { reference }: IommufdBench): ReadonlyMap<number, number> {
  const { compat, features } = reference;
  const shown =
    devices.length > 0 &&
    [...reference.objects.values()].some(({ hwpt, kind }) => {
      return kind === 'hwpt-paging' && hwpt!.ioas === compat;
    });
  return new Map([
    [EXTENSION.TYPE1_IOMMU, 1],
    [EXTENSION.TYPE1v2_IOMMU, 1],
    [EXTENSION.UNMAP_ALL, 1],
    [EXTENSION.UPDATE_VADDR, 0],
    [EXTENSION.DMA_CC_IOMMU, compat === undefined ? -U.ENODEV : !shown || features.enforceCoherency ? 1 : 0],
  ]);
}

type Call = (tenant: Tenant, args: Args, world: World) => number;
const CALLS: readonly Call[] = [ioasAlloc, hwptAlloc, hwInfo, compatInfo];

export const IOMMUFD_ODD: readonly Operation[] = [odd];
