/** Address spaces of an iommufd: made, destroyed, narrowed, asked, and handed to another process. */
import { OPTION, OPTION_OP, VFIO_IOAS_OP } from '../../uapi/iommufd.ts';
import { EXTENSION, VFIO } from '../../uapi/vfio.ts';
import { agree } from '../bench/agree.ts';
import { hold, holdObject } from '../bench/verdict.ts';
import * as U from '../reference/u64.ts';
import { anyPage, u64 } from './bench-values.ts';
import { sideOf } from './iommufd-arguments.ts';
import { type Operation, whileOpen } from './operation.ts';

const alloc: Operation = {
  name: 'ioas_alloc',
  needs: 'ioas',
  args: [],
  weights: whileOpen(5),
  generate: (_random, tenant) => (sideOf(tenant).side.reference.spaces.length >= 3 ? undefined : {}),
  run(tenant, _args, world) {
    const { side } = sideOf(tenant);
    const expected = side.reference.newIoas();
    const result = side.client.allocIoas();
    holdObject(world, 'IOAS_ALLOC', result, expected);
    agree(world, tenant);
    return result;
  },
};

const destroy: Operation = {
  name: 'iommufd_destroy',
  needs: 'ioas',
  args: ['id'],
  weights: whileOpen(8),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const ids = [...side.reference.objects.keys()];
    // What is in use is asked for as often as what can go; and what has gone.
    return { id: ids.length === 0 || random.chance(10) ? random.below(12) : random.pick(ids) };
  },
  run(tenant, { id }, world) {
    const { side } = sideOf(tenant);
    const expected = side.reference.destroy(id!);
    const result = side.client.destroy(id!);
    if (result === 0) {
      side.queues.faults.delete(id!);
      side.queues.events.delete(id!);
    }
    holdObject(world, 'DESTROY', result, expected);
    agree(world, tenant);
    return result;
  },
};

const ranges: Operation = {
  name: 'ioas_ranges',
  needs: 'ioas',
  args: ['ioas', 'room'],
  weights: whileOpen(3),
  generate: (random, tenant) => ({ ioas: sideOf(tenant).side.anyId(random, 'ioas'), room: random.pick([0, 1, 2, 16]) }),
  run(tenant, { ioas, room }, world) {
    const { side } = sideOf(tenant);
    const space = side.reference.ioas(ioas!);
    const right = space?.usable ?? [];
    const expected = space === undefined ? -U.ENOENT : right.length > room! ? -U.EMSGSIZE : 0;
    const answer = side.client.ranges(ioas!, room!);
    hold(world, 'IOVA_RANGES', typeof answer === 'number' ? answer : 0, expected);
    if (typeof answer === 'number') return answer;
    const same = answer.ranges.every(([first, last], i) => first === right[i]?.[0] && last === right[i]?.[1]);
    if (!same || answer.alignment !== Number(space!.alignment)) world.checks.dma.otherRanges(ioas!);
    return answer.ranges.length;
  },
};

const allow: Operation = {
  name: 'ioas_allow',
  needs: 'ioas',
  args: ['ioas', 'first', 'pages', 'second', 'morePages', 'offset'],
  weights: whileOpen(6),
  generate(random, tenant, world) {
    const ioas = sideOf(tenant).side.anyId(random, 'ioas');
    if (random.chance(20)) return { ioas, first: 0, pages: 0, second: 0, morePages: 0, offset: 0 };
    // What is chosen near the top must not come out at the bottom.
    const top = random.chance(60);
    const first = top ? 2 ** 52 - 2 - random.below(12) : anyPage(random, world);
    return {
      ioas,
      first,
      pages: top ? 2 ** 52 - first : 1 + random.below(12),
      second: random.chance(30) ? anyPage(random, world) : 0,
      morePages: random.below(3),
      offset: random.chance(8) ? 1 : 0,
    };
  },
  run(tenant, { ioas, first, pages, second, morePages, offset }, world) {
    const { side } = sideOf(tenant);
    const list: (readonly [bigint, bigint])[] = [];
    if (pages !== 0) list.push([u64(first!, offset!), u64(first! + pages!) - 1n]);
    if (morePages !== 0) list.push([u64(second!), u64(second! + morePages!) - 1n]);
    const cut = list.map(([start, last]): readonly [bigint, bigint] => [start, BigInt.asUintN(64, last)]);
    const expected = expectAllow(side.reference.ioas(ioas!), cut);
    const result = side.client.allow(ioas!, cut);
    if (expected === 0) side.reference.ioas(ioas!)!.allowed = cut;
    hold(world, 'ALLOW_IOVAS', result, expected);
    agree(world, tenant);
    return result;
  },
};

function expectAllow(
  space: { readonly reserved: readonly (readonly [bigint, bigint])[] } | undefined,
  list: readonly (readonly [bigint, bigint])[],
): number {
  if (space === undefined) return -U.ENOENT;
  for (const [index, [start, last]] of list.entries()) {
    if (start >= last) return -U.EINVAL;
    if (list.slice(0, index).some((other) => U.overlap(start, last, other[0], other[1]))) return -U.EINVAL;
  }
  const touches = list.some(([start, last]) => space.reserved.some((r) => U.overlap(start, last, r[0], r[1])));
  return touches ? -U.EADDRINUSE : 0;
}

/** Huge pages, who pays, and bits that are not options. */
const option: Operation = {
  name: 'iommufd_option',
  needs: 'ioas',
  args: ['option', 'object', 'set', 'value'],
  weights: whileOpen(5),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    const huge = random.chance(75);
    return {
      option: huge ? OPTION.HUGE_PAGES : random.below(3),
      object: huge ? side.anyId(random, 'ioas') : 0,
      set: random.chance(75) ? 1 : 0,
      value: random.chance(90) ? random.below(2) : 2,
    };
  },
  run(tenant, { option, object, set, value }, world) {
    const { side, bench } = sideOf(tenant);
    const { reference } = side;
    let expected: number;
    if (option === OPTION.HUGE_PAGES) {
      const space = reference.ioas(object!);
      if (space === undefined) expected = -U.ENOENT;
      else if (!set) expected = 0;
      else if (value! > 1) expected = -U.EINVAL;
      else if (value === 1) {
        space.hugePagesOff = false;
        expected = 0;
      } else expected = disable(space);
    } else if (option !== OPTION.RLIMIT_MODE || object !== 0) expected = -U.EOPNOTSUPP;
    else if (!set) expected = 0;
    else if (!bench.process.capabilities.has('CAP_SYS_RESOURCE')) expected = -U.EPERM;
    else if (reference.objects.size + reference.tombstones.size > 0) expected = -U.EBUSY;
    else if (value! > 1) expected = -U.EINVAL;
    else {
      reference.mode = value === 1 ? 'mm' : 'user';
      expected = 0;
    }
    const op = set ? OPTION_OP.SET : OPTION_OP.GET;
    const result = side.client.call('OPTION', { option_id: option!, op, object_id: object!, val64: value! });
    hold(world, 'OPTION', result, expected);
    if (result === 0 && expected === 0 && !set) {
      const right = option === OPTION.HUGE_PAGES ? !reference.ioas(object!)!.hugePagesOff : reference.mode === 'mm';
      hold(world, 'OPTION, value', side.client.field('OPTION', 'val64'), right ? 1 : 0);
    }
    agree(world, tenant);
    return result;
  },
};

function disable(space: {
  hugePagesOff: boolean;
  readonly tables: readonly unknown[];
  readonly areas: readonly unknown[];
  fits(alignment: bigint): boolean;
}): number {
  if (space.hugePagesOff) return 0;
  if (space.tables.length > 0 && space.areas.length > 0) return -U.EINVAL;
  if (!space.fits(U.PAGE)) return -U.EADDRINUSE;
  space.hugePagesOff = true;
  return 0;
}

/** SET_IOMMU on an iommufd: version 1 wants mappings that can be cut. */
const setIommu: Operation = {
  name: 'compat_set_iommu',
  needs: 'ioas',
  args: ['version'],
  weights: whileOpen(2),
  generate: (random) => ({ version: random.pick([1, 1, 3, 2]) }),
  run(tenant, { version }, world) {
    const { side, bench } = sideOf(tenant);
    const { compat } = side.reference;
    const known = version === EXTENSION.TYPE1_IOMMU || version === EXTENSION.TYPE1v2_IOMMU;
    let expected = known ? (compat === undefined ? -U.ENODEV : 0) : -U.EINVAL;
    if (expected === 0 && version === EXTENSION.TYPE1_IOMMU) expected = disable(compat!);
    const result = bench.process.ioctl(side.client.fd, VFIO.SET_IOMMU, version!);
    hold(world, 'SET_IOMMU', result, expected);
    agree(world, tenant);
    return result;
  },
};

const vfioIoas: Operation = {
  name: 'iommufd_vfio_ioas',
  needs: 'ioas',
  args: ['op', 'ioas'],
  weights: whileOpen(2),
  generate: (random, tenant) => ({ op: random.below(4), ioas: sideOf(tenant).side.anyId(random, 'ioas') }),
  run(tenant, { op, ioas }, world) {
    const { side } = sideOf(tenant);
    const { reference } = side;
    let expected = 0;
    if (op === VFIO_IOAS_OP.GET) expected = reference.compat === undefined ? -U.ENODEV : reference.compat.id;
    else if (op === VFIO_IOAS_OP.SET) {
      const space = reference.ioas(ioas!);
      if (space === undefined) expected = -U.ENOENT;
      else reference.compat = space;
    } else if (op === VFIO_IOAS_OP.CLEAR) reference.compat = undefined;
    else expected = -U.EOPNOTSUPP;
    let result = side.client.call('VFIO_IOAS', { op: op!, ioas_id: op === VFIO_IOAS_OP.GET ? 0 : ioas! });
    if (result === 0 && op === VFIO_IOAS_OP.GET) result = side.client.field('VFIO_IOAS', 'ioas_id');
    holdObject(world, 'VFIO_IOAS', result, expected);
    agree(world, tenant);
    return result;
  },
};

/** The helper takes over what is charged; only files can be handed over. */
const changeProcess: Operation = {
  name: 'ioas_change_process',
  needs: 'ioas',
  args: ['back'],
  weights: whileOpen(3),
  generate: (random) => ({ back: random.below(2) }),
  run(tenant, { back }, world) {
    const { side, bench } = sideOf(tenant);
    const { reference } = side;
    const heir = back ? bench.process : bench.helper;
    const mapped = [...reference.pages].filter(({ areas }) => areas > 0);
    let expected = mapped.some(({ source }) => source.kind === 'user' || source.kind === 'dma-buf') ? -U.EINVAL : 0;
    const moving = mapped.filter(({ payer, mm }) => payer !== 'none' && mm !== heir.memory);
    if (expected === 0) {
      const room = Math.floor(heir.memlockLimit / 4096);
      const due = (kind: string): number => moving.reduce((n, p) => n + (p.payer === kind ? p.counted : 0), 0);
      const [users, mms] = [due('user'), due('mm')];
      if (
        (users > 0 && reference.lockedOfUser() + users > room) ||
        (mms > 0 && reference.locked(heir.memory) + mms > room)
      )
        expected = -U.ENOMEM;
    }
    if (expected === 0)
      for (const pages of moving) {
        pages.mm = heir.memory;
        pages.process = heir;
      }
    const scratch = back ? bench.scratch : bench.helperScratch;
    scratch.begin(8).setUint32(0, 8, true);
    const fd = back ? side.client.fd : side.helperFd;
    const result = heir.ioctl(fd, CHANGE_PROCESS, scratch.put(8));
    hold(world, 'CHANGE_PROCESS', result, expected, 'resource bound');
    agree(world, tenant);
    return result;
  },
};
const CHANGE_PROCESS = 0x3b92;

export const IOMMUFD_SPACE: readonly Operation[] = [
  alloc,
  destroy,
  ranges,
  allow,
  option,
  setIommu,
  vfioIoas,
  changeProcess,
];
