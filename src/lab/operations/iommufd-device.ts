/** Devices that are bound to an iommufd and leave it, attach, change and detach; and the emulated one that pins. */
import { agree } from '../bench/agree.ts';
import { attempt, hold } from '../bench/verdict.ts';
import { FSM_LEGALITY } from '../properties/fsm-legality.ts';
import { listens } from '../reference/iommufd-pasids.ts';
import * as U from '../reference/u64.ts';
import { anyFailure, anyOffset, anyPage, u64 } from './bench-values.ts';
import { sideOf } from './iommufd-arguments.ts';
import { type Operation, whileOpen } from './operation.ts';

const open: Operation = {
  name: 'device_open',
  needs: 'ioas',
  args: ['device'],
  weights: whileOpen(7),
  generate(random, tenant) {
    const { bench } = sideOf(tenant);
    const closed = bench.devices.flatMap(({ fd }, index) => (fd === undefined ? [index] : []));
    if (bench.pinner !== undefined && bench.iommufd!.reference.access === 0) closed.push(bench.devices.length);
    return closed.length === 0 ? undefined : { device: random.pick(closed) };
  },
  run(tenant, { device }, world) {
    const { bench, side } = sideOf(tenant);
    const emulated = device! >= bench.devices.length;
    if (emulated ? bench.pinner === undefined || side.reference.access !== 0 : bench.devices[device!]!.fd !== undefined)
      return -U.EBUSY;
    const { result, expected } = emulated ? side.openPinner() : side.open(device!);
    hold(world, 'opening a device', result, expected);
    agree(world, tenant);
    return result;
  },
};

/** Only the first device asks for pages. */
const isAble = (index: number): boolean => index === 0;

const close: Operation = {
  name: 'device_close',
  needs: 'ioas',
  args: ['device'],
  weights: whileOpen(4),
  generate(random, tenant) {
    const { bench, side } = sideOf(tenant);
    const opened = bench.devices.flatMap(({ fd }, index) => (fd === undefined ? [] : [index]));
    if (side.reference.access !== 0) opened.push(bench.devices.length);
    return opened.length === 0 ? undefined : { device: random.pick(opened) };
  },
  run(tenant, { device }, world) {
    const { bench, side } = sideOf(tenant);
    if (device! >= bench.devices.length) {
      if (side.reference.access === 0) return -9;
      side.closePinner();
    } else {
      if (bench.devices[device!]!.fd === undefined) return -9;
      const { name } = bench.devices[device!]!;
      const known = side.reference.devices[device!]!;
      for (const pasid of [undefined, ...known.pasids.keys()]) side.queues.gone(name, pasid, isAble(device!));
      side.close(device!);
      // The last close resets the device: it has forgotten what it asked for.
      side.queues.refused.length = 0;
    }
    agree(world, tenant);
    return 0;
  },
};

const attach: Operation = {
  name: 'device_attach',
  needs: 'ioas',
  args: ['device', 'pt', 'fail'],
  weights: whileOpen(10),
  generate(random, tenant) {
    const { bench, side } = sideOf(tenant);
    if (side.compat && random.chance(90)) return undefined;
    const pt = side.anyId(random, random.chance(55) ? 'ioas' : random.chance(80) ? 'hwpt-paging' : 'hwpt-nested');
    return { device: random.below(bench.devices.length), pt, fail: anyFailure(random) };
  },
  run(tenant, { device, pt, fail }, world) {
    const { bench, side } = sideOf(tenant);
    const index = device! % bench.devices.length;
    const { fd, name } = bench.devices[index]!;
    // A device that was opened by its group has no such call.
    if (fd === undefined || side.compat) return -9;
    const known = side.reference.devices[index]!;
    const before = known.hwpt;
    const result = attempt(world, tenant, fail!, {
      name: 'ATTACH',
      call: () => side.client.attach(fd, pt!),
      expect: () => side.reference.attach(known, pt!),
    });
    if (known.hwpt !== before) side.queues.gone(name, undefined, isAble(index) && !listens(known));
    agree(world, tenant);
    return result;
  },
};

const detach: Operation = {
  name: 'device_detach',
  needs: 'ioas',
  args: ['device'],
  weights: whileOpen(4),
  generate: (random, tenant) =>
    sideOf(tenant).side.compat ? undefined : { device: random.below(sideOf(tenant).bench.devices.length) },
  run(tenant, { device }, world) {
    const { bench, side } = sideOf(tenant);
    const index = device! % bench.devices.length;
    const { fd, name } = bench.devices[index]!;
    if (fd === undefined || side.compat) return -9;
    const known = side.reference.devices[index]!;
    side.reference.detach(known);
    side.queues.gone(name, undefined, isAble(index) && !listens(known));
    const result = side.client.detach(fd);
    hold(world, 'DETACH', result, 0);
    agree(world, tenant);
    return result;
  },
};

const attachPinner: Operation = {
  name: 'access_attach',
  needs: 'ioas',
  args: ['ioas', 'detach', 'fail'],
  weights: whileOpen(8),
  generate(random, tenant) {
    const { side } = sideOf(tenant);
    if (side.compat || side.reference.access === 0) return undefined;
    return { ioas: side.anyId(random, 'ioas'), detach: random.chance(15) ? 1 : 0, fail: anyFailure(random) };
  },
  run(tenant, { ioas, detach, fail }, world) {
    const { side } = sideOf(tenant);
    if (side.compat || side.reference.access === 0) return -9;
    if (detach) side.reference.leaveAccess();
    const result = attempt(world, tenant, detach ? 0 : fail!, {
      name: 'ATTACH of an emulated device',
      property: FSM_LEGALITY.name,
      call: () => Math.min(0, detach ? side.client.detach(side.pinnerFd) : side.client.attach(side.pinnerFd, ioas!)),
      expect: () => (detach ? 0 : side.reference.attachAccess(ioas!)),
    });
    agree(world, tenant);
    return result;
  },
};

const pin: Operation = {
  name: 'access_pin',
  needs: 'ioas',
  args: ['iova', 'offset', 'count', 'write'],
  weights: whileOpen(14),
  generate(random, tenant, world) {
    const { reference } = sideOf(tenant).side;
    const space = reference.accessIoas;
    if (space === undefined) return undefined;
    const area = space.areas.length > 0 && !random.chance(10) ? random.pick(space.areas) : undefined;
    const iova =
      area === undefined
        ? anyPage(random, world)
        : Number(area.start / 4096n) + random.below(Math.min(Number((area.last - area.start) / 4096n) + 1, 16));
    return {
      iova,
      offset: anyOffset(random, 10),
      count: random.chance(90) ? 1 + random.below(6) : random.pick([0, 30]),
      write: random.below(2),
    };
  },
  run(tenant, { iova, offset, count, write }, world) {
    const { bench, side } = sideOf(tenant);
    const { pinner } = bench;
    if (pinner === undefined || side.reference.access === 0) return -9;
    const at = u64(iova!, offset!);
    const expected = side.reference.pinPages(at, count!, write !== 0);
    const result = pinner.pin(at, count!, write !== 0);
    hold(world, 'vfio_pin_pages', result, expected);
    if (result === 0 && expected === 0) {
      const first = at - (at % 4096n);
      for (const [index, physical] of pinner.pins.at(-1)!.pages.entries()) {
        const place = first + BigInt(index) * 4096n;
        const area = side.reference.accessIoas!.at(place)!;
        const page = Math.floor((area.offset + Number(place - area.start)) / 4096);
        if (area.pages.physical(page) !== physical) world.checks.dma.otherPage(place);
      }
    }
    agree(world, tenant);
    return result;
  },
};

const unpin: Operation = {
  name: 'access_unpin',
  needs: 'ioas',
  args: ['index'],
  weights: whileOpen(12),
  generate(random, tenant) {
    const { held } = sideOf(tenant).side.reference;
    return held.length === 0 ? undefined : { index: random.below(held.length) };
  },
  run(tenant, { index }, world) {
    const { bench, side } = sideOf(tenant);
    side.reference.unpinHeld(index!);
    bench.pinner?.unpin(index!);
    agree(world, tenant);
    return 0;
  },
};

export const IOMMUFD_DEVICE: readonly Operation[] = [open, close, attach, detach, attachPinner, pin, unpin];
