/** GET_INFO and CHECK_EXTENSION of a container with type1: what a program goes by when it maps. */
import { EXTENSION, INFO_CAP, iommu_type1_info, VFIO } from '../../uapi/vfio.ts';
import { hold } from '../bench/verdict.ts';
import { FSM_LEGALITY } from '../properties/fsm-legality.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import type { Type1Reference } from '../reference/type1.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';
import { type1Of } from './type1-map.ts';

const { at, size } = iommu_type1_info;
const INFO_SIZES = [0, 8, 15, 16, 17, 20, 24, 32, 55, 56, 72, 88, 103, 104, 120, 136, 256, 4096, 0xffff_ffff] as const;
const ROOM = 4096;

const info: Operation = {
  name: 'type1_info',
  needs: 'type1',
  args: ['argsz'],
  weights: whileOpen(3),
  generate: (random) => ({ argsz: random.chance(50) ? random.pick(INFO_SIZES) : ROOM }),
  run(tenant, { argsz }, world) {
    const { bench, side } = type1Of(tenant);
    const { process, scratch } = bench;
    const { reference } = side;
    const room = Math.min(argsz!, ROOM);
    scratch.begin(Math.max(room, 4)).setUint32(0, argsz!, true);
    const result = process.ioctl(side.fd, VFIO.IOMMU_GET_INFO, scratch.put(Math.max(room, 4)));
    const expected = !reference.active || argsz! < at.cap_offset ? -22 : 0;
    hold(world, 'GET_INFO', result, expected);
    if (result === 0) {
      world.observe(tenant, process.memory.copyIn(scratch.address, room)!);
      // An answer is no longer than was asked for: what is looked at beyond is not the kernel's.
      if (expected === 0) holdInfo(world, reference, scratch.take(Math.max(room, size)), argsz!);
    }
    if (reference.active)
      for (const extension of EXTENSIONS) {
        const told = process.ioctl(side.fd, VFIO.CHECK_EXTENSION, extension);
        hold(world, `CHECK_EXTENSION ${extension}`, told, offered(world, reference, extension), FSM_LEGALITY.name);
      }
    return result;
  },
};

function holdInfo(world: World, reference: Type1Reference, view: DataView, argsz: number): void {
  const room = Math.min(argsz, ROOM);
  hold(world, 'GET_INFO, page sizes', Number(view.getBigUint64(at.iova_pgsizes, true)), pageSizes(world, reference));
  if (room < size) return;
  const { ranges } = reference;
  const needed = size + 32 + 16 + (ranges.length > 0 ? 16 + 16 * ranges.length : 0);
  hold(world, 'GET_INFO, argsz', view.getUint32(at.argsz, true), argsz < needed ? needed : argsz);
  let told: (readonly [bigint, bigint])[] = [];
  const first = view.getUint32(at.cap_offset, true);
  hold(world, 'GET_INFO, capabilities', first, room < needed ? 0 : size);
  for (
    let cap = first, left = 8;
    cap !== 0 && cap + 16 <= room && left > 0;
    cap = view.getUint32(cap + 4, true), left--
  ) {
    const id = view.getUint16(cap, true);
    if (id === INFO_CAP.TYPE1_DMA_AVAIL)
      hold(world, 'DMA_AVAIL', view.getUint32(cap + 8, true), reference.limit - reference.entries.length, BOUND);
    if (id === INFO_CAP.TYPE1_IOVA_RANGE) told = rangesAt(view, cap, room);
  }
  if (first === 0) return;
  const same = told.every(([start, last], index) => start === ranges[index]?.[0] && last === ranges[index]?.[1]);
  if (told.length !== ranges.length || !same) world.checks.dma.otherRanges(0);
}

const BOUND = RESOURCE_BOUND.name;

function rangesAt(view: DataView, cap: number, room: number): (readonly [bigint, bigint])[] {
  const count = Math.min(view.getUint32(cap + 8, true), Math.floor((room - cap - 16) / 16));
  return Array.from({ length: count }, (_, index) => {
    const place = cap + 16 + 16 * index;
    return [view.getBigUint64(place, true), view.getBigUint64(place + 8, true)] as const;
  });
}

/** Of all that the IOMMU has those of a page and more; it makes a page of smaller ones (vfio_update_pgsize_bitmap). */
function pageSizes(world: World, { translated }: Type1Reference): number {
  const all = 0xffff_ffff_ffff_f000n;
  if (translated === 0) return Number(all);
  const sizes = world.machine.hardware.fabric.iommu.features.pageSizes.reduce(
    (bits, bytes) => bits | BigInt(bytes),
    0n,
  );
  return Number((sizes & all) !== 0n ? (sizes & all) | 4096n : sizes);
}

const EXTENSIONS = [
  EXTENSION.TYPE1v2_IOMMU,
  EXTENSION.UNMAP_ALL,
  EXTENSION.UPDATE_VADDR,
  EXTENSION.DMA_CC_IOMMU,
] as const;

/** Addresses can only be taken away as long as no emulated device uses them (vfio_iommu_type1_check_extension). */
function offered(world: World, { emulated, translated }: Type1Reference, extension: number): number {
  // Of a container without an IOMMU nothing is incoherent (vfio_domains_have_enforce_cache_coherency).
  if (extension === EXTENSION.DMA_CC_IOMMU)
    return translated === 0 || world.machine.hardware.fabric.iommu.features.enforceCoherency ? 1 : 0;
  return extension === EXTENSION.UPDATE_VADDR && emulated > 0 ? 0 : 1;
}

export const TYPE1_INFO: readonly Operation[] = [info];
