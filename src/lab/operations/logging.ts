/** DMA logging. A report may mark too much, never too little. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { LogRange } from '../../client/device.ts';
import type { Result } from '../../kernel/file.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, type Operation, whileOpen } from './operation.ts';

/** Bytes of a report at most. */
const REPORTED = 64 * PAGE_SIZE;
/** What of a range is asked for. */
const PARTS = 4;
/** Ranges of one call at most. */
const MOST_RANGES = 8;
/** Pages of ranges that a device may be unable to track: 2^48 bytes, a page more, 2^52. */
const BEYOND = [2 ** 36, 2 ** 36 + 1, 2 ** 40];

const start: Operation = {
  name: 'log_start',
  needs: 'logging',
  args: ['iova', 'pages', 'pageSize', 'ranges', 'gap'],
  weights: whileOpen(1),
  spawnable: true,
  generate: (random, tenant) => ({
    iova:
      tenant.shadow.size > 0 && random.chance(80)
        ? Math.max(0, random.pick(tenant.shadow.items).start - (random.chance(70) ? 0 : PAGE_SIZE * random.below(16)))
        : PAGE_SIZE * random.below(16),
    pages: random.pick(random.chance(90) ? [1, 4, 16, 32, 64] : BEYOND),
    pageSize: random.pick([4096, 4096, 4096, 8192, 2048, 0, 3]),
    ranges: random.pick([1, 1, 2, 3]),
    gap: random.pick([0, 1, 7, 0x10_0000]),
  }),
  run(tenant, { iova, pages, pageSize, ranges, gap }, world, spawned) {
    const length = pages! * PAGE_SIZE;
    const list: LogRange[] = [];
    for (let i = 0; i < Math.max(1, Math.min(ranges ?? 1, MOST_RANGES)); i++)
      list.push({ iova: iova! + i * (length + (gap ?? 0) * PAGE_SIZE), length });
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    const alone = !spawned && tenant.pending === 0;
    if (!alone) forget(tenant);
    return after(device.startLoggingCall(list, pageSize!), (answer) => {
      const result = device.loggingPageSize(answer);
      if (!alone) forget(tenant);
      else if (result >= 0) {
        if (isLogging(tenant)) world.checks.dirty.startedTwice();
        tenant.logging = list;
        tenant.loggingUnknown = false;
        tenant.loggedPage = Math.max(PAGE_SIZE, result);
        world.checks.dirty.begin(tenant, list);
      }
      return result;
    });
  },
};

const isLogging = ({ logging, guestLog, loggingUnknown }: Tenant): boolean =>
  !loggingUnknown && (logging !== undefined || guestLog.running);

/** Calls beside each other: whether logging is on, and with which ranges, is not known until it is stopped. */
function forget(tenant: Tenant): void {
  tenant.logging = undefined;
  tenant.guestLog.running = false;
  tenant.loggingUnknown = true;
}

const stop: Operation = {
  name: 'log_stop',
  needs: 'logging',
  args: [],
  weights: whileOpen(1),
  spawnable: true,
  generate: () => ({}),
  run(tenant, _args, world, spawned) {
    const device = spawned ? world.spareDevice(tenant) : tenant.device!;
    const alone = !spawned && tenant.pending === 0;
    if (!alone) forget(tenant);
    return after(device.stopLoggingCall(), (result) => {
      if (!alone) forget(tenant);
      else if (result === 0) {
        tenant.logging = undefined;
        tenant.guestLog.running = false;
        tenant.loggingUnknown = false;
      }
      return result;
    });
  },
};

/** What one of the ranges says, at page sizes as a user may ask for them; and what says nothing, because none is logged. */
const report: Operation = {
  name: 'log_report',
  needs: 'logging',
  args: ['range', 'logPage'],
  weights: whileOpen(6),
  spawnable: true,
  generate: (random, tenant) => {
    if (tenant.logging === undefined && !random.chance(10)) return undefined;
    return {
      range: random.below(tenant.logging?.length ?? 1) + (tenant.logging?.length ?? 1) * random.below(2 * PARTS),
      logPage: random.chance(85) ? 12 : random.pick([13, 16, 21, 31, 32, 44, 63]),
    };
  },
  run(tenant, { range: index, logPage }, world, spawned) {
    const pageSize = 2 ** (logPage ?? 12);
    if (spawned || tenant.pending > 0) return besideOthers(tenant, world, index ?? 0, pageSize, spawned);
    if (tenant.logging === undefined) return beforeStart(tenant, world.checks.fsm);
    if (world.profile.reportsLate) world.settle();
    const range = partOf(tenant, tenant.logging, index ?? 0);
    const bitmap = tenant.device!.reportLogging(
      range.iova,
      range.length,
      pageSize,
      placeOf(tenant.logging, index ?? 0),
    );
    if (typeof bitmap === 'number') {
      // A size below that of a page is refused (vfio_main.c: vfio_ioctl_device_feature_logging_report).
      if (pageSize >= PAGE_SIZE) world.checks.dirty.refused(bitmap);
      return bitmap;
    }
    world.observe(tenant, bitmap);
    world.checks.dirty.reported(tenant, range.iova, range.length, bitmap, pageSize);
    return 0;
  },
};

/** From here on it is known again: off. */
export function stopUnknown(tenant: Tenant): void {
  if (!tenant.loggingUnknown) return;
  tenant.device!.stopLogging();
  tenant.loggingUnknown = false;
}

/** One of the ranges, or as much of it as is asked for. */
function rangeOf(logged: readonly LogRange[], index: number): LogRange {
  const { iova, length } = logged[index % logged.length]!;
  return { iova, length: Math.min(length, REPORTED) };
}

/** Half of them have their bitmap where a page of memory ends. */
const placeOf = (logged: readonly LogRange[], index: number): number | undefined =>
  Math.floor(index / logged.length / PARTS) % 2 === 0 ? undefined : PAGE_SIZE - 1;

/** The same, or a half of it, or its first page: what the device tells apart. */
function partOf({ loggedPage }: Tenant, logged: readonly LogRange[], index: number): LogRange {
  const whole = rangeOf(logged, index);
  const part = Math.floor(index / logged.length) % PARTS;
  const half = Math.floor(whole.length / 2 / loggedPage) * loggedPage;
  if (part === 0 || half === 0) return whole;
  if (part === 1) return { iova: whole.iova, length: half };
  return part === 2
    ? { iova: whole.iova + half, length: whole.length - half }
    : { iova: whole.iova, length: loggedPage };
}

/** What it says depends on what runs beside it, and pages that it tells of are not told again. */
function besideOthers(tenant: Tenant, world: World, index: number, pageSize: number, spawned: boolean): Result {
  const device = spawned ? world.spareDevice(tenant) : tenant.device!;
  const { iova, length } = rangeOf(tenant.logging ?? [{ iova: 0, length: PAGE_SIZE }], index);
  forget(tenant);
  return device.reportLoggingCall(iova, length, pageSize);
}

/** Nothing was started, as far as the tenant knows: the device says so, or answers. */
function beforeStart(tenant: Tenant, fsm: { reportBeforeStart(): void }): number {
  try {
    const answer = tenant.device!.reportLogging(0, PAGE_SIZE);
    return typeof answer === 'number' ? answer : 0;
  } catch (error) {
    fsm.reportBeforeStart();
    throw error;
  }
}

/** A virtual machine monitor logs all that is mapped, asks, and logs anew when the mappings have changed. */
const guest: Operation = {
  name: 'log_guest',
  needs: 'logging',
  args: ['rearm'],
  weights: whileOpen(4),
  generate: (random, tenant) =>
    tenant.shadow.size === 0 || tenant.pending > 0 ? undefined : { rearm: random.chance(40) ? 1 : 0 },
  run(tenant, { rearm }, world) {
    const { guestLog } = tenant;
    if (!guestLog.running) {
      stopUnknown(tenant);
      // One session at a time: a log that was begun by hand is left.
      if (tenant.logging !== undefined) return -16;
      const result = guestLog.start(tenant);
      if (result >= 0) world.checks.dirty.beginGuest(tenant);
      else if (world.undisturbed && guestLog.ranges.length > 0) world.checks.dirty.notStarted(result);
      return result;
    }
    if (world.profile.reportsLate) world.settle();
    const result = rearm ? guestLog.rearm(tenant) : guestLog.collect(tenant);
    if (result < 0) {
      tenant.device!.stopLogging();
      guestLog.running = false;
    } else world.checks.dirty.guestKnows(tenant);
    return result;
  },
};

export const LOGGING: readonly Operation[] = [start, stop, report, guest];
