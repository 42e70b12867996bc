/** Queues of a virtual IOMMU that hardware reads by itself: their memory stays where it is as long as they are there. */
import { ERRNO } from '../../uapi/errno.ts';
import { agree } from '../bench/agree.ts';
import type { IommufdBench } from '../bench/iommufd-bench.ts';
import { holdObject } from '../bench/verdict.ts';
import type { ReferenceIoas } from '../reference/ioas.ts';
import * as U from '../reference/u64.ts';
import { u64 } from './bench-values.ts';
import { anyRange, sideOf } from './iommufd-arguments.ts';
import { type Operation, whileOpen } from './operation.ts';

/** Queues that a virtual interface has. */
const QUEUES = 2;
const TEGRA241 = 2n;

const alloc: Operation = {
  name: 'hw_queue_alloc',
  needs: 'ioas',
  args: ['viommu', 'type', 'index', 'iova', 'pages'],
  weights: whileOpen(3),
  generate(random, tenant, world) {
    const { side } = sideOf(tenant);
    const viommu = side.anyId(random, 'viommu');
    const parent = side.reference.objects.get(viommu)?.holds[0];
    if (parent === undefined && random.chance(80)) return undefined;
    const { iova, length } = anyRange(random, side.reference.objects.get(parent ?? 0)?.hwpt?.ioas, world);
    return {
      viommu,
      type: random.chance(90) ? 1 : random.below(3),
      index: random.chance(90) ? random.below(QUEUES) : QUEUES,
      iova: Number(iova / 4096n),
      pages: random.chance(90) ? Number(length / 4096n) : 0,
    };
  },
  run(tenant, { viommu, type, index, iova, pages }, world) {
    const { side } = sideOf(tenant);
    const [start, length] = [u64(iova!), u64(pages!)];
    const expected = expectQueue(side, viommu!, type!, index!, start, length);
    const fields = { viommu_id: viommu!, type: type!, index: index!, nesting_parent_iova: start, length };
    const result = side.client.call('HW_QUEUE_ALLOC', fields) || side.client.field('HW_QUEUE_ALLOC', 'out_hw_queue_id');
    holdObject(world, 'HW_QUEUE_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectQueue(
  { reference }: IommufdBench,
  id: number,
  type: number,
  index: number,
  start: bigint,
  length: bigint,
): number {
  if (type === 0) return -U.EOPNOTSUPP;
  if (length === 0n) return -U.EINVAL;
  if (U.wraps(start, length)) return -U.EOVERFLOW;
  const viommu = reference.objects.get(id);
  if (viommu?.kind !== 'viommu') return -U.ENOENT;
  if (viommu.tag !== TEGRA241 || type !== 1) return -U.EOPNOTSUPP;
  if (start + length - 1n + U.PAGE > U.TOP) return -ERRNO.ERANGE;
  const space = reference.objects.get(viommu.holds[0]!)!.hwpt!.ioas;
  if (!space.fits(U.PAGE)) return -U.EADDRINUSE;
  const known = space.holds.length;
  const error = space.hold(start, length, false);
  if (error !== 0) return error;
  const holds = space.holds.slice(known);
  const taken = [...reference.objects.values()].some(({ holds, queue }) => queue?.index === index && holds[0] === id);
  const refused = !inOnePiece(space, start, length) ? -U.EFAULT : index >= QUEUES ? -U.EINVAL : taken ? -U.EEXIST : 0;
  if (refused !== 0) {
    space.unlock(holds);
    return refused;
  }
  for (const hold of holds) hold.locked = true;
  space.accesses++;
  const access = reference.add({ kind: 'access', holds: [space.id], held: true });
  return reference.add({ kind: 'hw-queue', holds: [id], held: false, queue: { index, access, space, holds } });
}

/** The hardware reads it untranslated. */
function inOnePiece(space: ReferenceIoas, start: bigint, length: bigint): boolean {
  let before: number | undefined;
  for (let iova = start; iova < start + length; iova += U.PAGE) {
    const area = space.at(iova)!;
    const physical = area.pages.physical(Math.floor((area.offset + Number(iova - area.start)) / 4096))!;
    if (before !== undefined && physical !== before + 4096) return false;
    before = physical;
  }
  return true;
}

export const IOMMUFD_QUEUES: readonly Operation[] = [alloc];
