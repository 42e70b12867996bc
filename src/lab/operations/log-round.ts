/** One round of a live migration: memory is logged, the device writes into all of it, and the monitor asks which pages. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { DMA } from './dma.ts';
import { stopUnknown } from './logging.ts';
import type { Operation } from './operation.ts';

const map = DMA.find(({ name }) => name === 'map')!;
/** Where guests have memory: low, and behind the hole for devices, from 4 GiB on. */
const BANKS = [0x20_0000, 0x1_0000_0000, 0x1_4000_0000];
const PAGES = 4;
/** Pages of a device, and ranges of them at most. */
const LARGE = 2 * PAGE_SIZE;
const MOST_RANGES = 8;
/** Bytes of a report of all that is low. */
const WIDE = 0x40_0000;
/** Ranges in which nothing is, so that there are more than a device can keep apart. */
const FILLING = Array.from({ length: 24 }, (_, i) => ({ iova: 0x1000_0000 + 3 * i * LARGE, length: LARGE }));

const round: Operation = {
  name: 'log_round',
  needs: 'logging',
  args: ['bank', 'page', 'queue'],
  weights: [0, 0, 3, 0, 0, 0, 3, 0],
  generate: (random, { pending }, { profile }) =>
    pending > 0 || profile.dma === undefined
      ? undefined
      : { bank: random.below(BANKS.length), page: random.below(PAGES), queue: random.below(4) },
  run(tenant, { bank, page, queue }, world) {
    const { guestLog } = tenant;
    const { dma } = world.profile;
    if (dma === undefined || (!guestLog.running && tenant.logging !== undefined)) return -ERRNO.EBUSY;
    stopUnknown(tenant);
    const iova = BANKS[bank! % BANKS.length]! + PAGE_SIZE * page!;
    if (!tenant.shadow.overlaps(iova, PAGE_SIZE)) map.run(tenant, { page: 1, pages: 1, iova, flags: 3 }, world, false);
    if (queue! >= 2 && !guestLog.running) return largePages(tenant, world, queue! % 2, page! % 2 === 1);
    if (world.profile.reportsLate) world.settle();
    const begun = guestLog.running ? guestLog.rearm(tenant) : guestLog.start(tenant);
    if (begun < 0) return ended(tenant, world, begun);
    if (guestLog.ranges.length > 0) world.checks.dirty.beginGuest(tenant);
    writeAll(tenant, world, queue! % 2);
    const told = guestLog.collect(tenant);
    if (told < 0) return ended(tenant, world, told);
    world.checks.dirty.guestKnows(tenant);
    return 0;
  },
};

/** The device writes to the start of each mapping; not into the rings, which live in the first page. */
function writeAll(tenant: Tenant, world: World, queue: number): void {
  const dma = world.profile.dma!;
  for (const { start, vaddr, flags } of tenant.shadow.items)
    if (flags === 3 && vaddr !== tenant.buffer)
      dma.submit(tenant, { kind: dma.fill, queue, source: 1, target: start, length: 4 });
  world.settle();
}

/** The same, logged in pages twice as large, and told in those of the host. */
function largePages(tenant: Tenant, world: World, queue: number, reset: boolean): number {
  const device = tenant.device!;
  const starts = new Set(tenant.shadow.items.map(({ start }) => start - (start % LARGE)));
  const asked = [...starts].slice(0, MOST_RANGES).map((iova) => ({ iova, length: LARGE }));
  const ranges = [...asked, ...FILLING.filter(({ iova }) => !tenant.shadow.overlaps(iova, LARGE))];
  const used = device.startLoggingRanges(ranges, LARGE);
  if (used < 0) {
    if (world.undisturbed) world.checks.dirty.notStarted(used);
    return used;
  }
  world.checks.dirty.begin(tenant, ranges);
  tenant.logging = ranges;
  // What is logged stays logged over a reset of the device.
  if (reset && device.reset() === 0) world.afterReset(tenant);
  writeAll(tenant, world, queue);
  let told: Uint8Array | number = 0;
  // All that is low in one go: its bitmap goes on into a second page of memory.
  told = device.reportLogging(0, WIDE, PAGE_SIZE, 2 * PAGE_SIZE - 40);
  if (typeof told === 'number') world.checks.dirty.refused(told);
  else world.checks.dirty.reported(tenant, 0, WIDE, told);
  for (const { iova, length } of asked) {
    told = device.reportLogging(iova, length);
    if (typeof told === 'number') world.checks.dirty.refused(told);
    else world.checks.dirty.reported(tenant, iova, length, told);
  }
  const stopped = device.stopLogging();
  tenant.logging = undefined;
  world.checks.dirty.ended(tenant);
  return typeof told === 'number' ? told : stopped;
}

function ended(tenant: Tenant, { checks, undisturbed }: World, result: number): number {
  const { guestLog } = tenant;
  const asked = guestLog.ranges.length > 0;
  if (!guestLog.running && asked && undisturbed) checks.dirty.notStarted(result);
  tenant.device!.stopLogging();
  guestLog.running = false;
  return result;
}

export const LOG_ROUND: readonly Operation[] = [round];
