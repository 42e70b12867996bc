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

const round: Operation = {
  name: 'log_round',
  needs: 'logging',
  args: ['bank', 'page', 'queue'],
  weights: [0, 0, 5, 0, 0, 0, 5, 0],
  generate: (random, { pending }, { profile }) =>
    pending > 0 || profile.dma === undefined
      ? undefined
      : { bank: random.below(BANKS.length), page: random.below(PAGES), queue: random.below(2) },
  run(tenant, { bank, page, queue }, world) {
    const { guestLog } = tenant;
    const { dma } = world.profile;
    if (dma === undefined || (!guestLog.running && tenant.logging !== undefined)) return -ERRNO.EBUSY;
    stopUnknown(tenant);
    const iova = BANKS[bank! % BANKS.length]! + PAGE_SIZE * page!;
    if (!tenant.shadow.overlaps(iova, PAGE_SIZE)) map.run(tenant, { page: 1, pages: 1, iova, flags: 3 }, world, false);
    const begun = guestLog.running ? guestLog.rearm(tenant) : guestLog.start(tenant);
    if (begun < 0) return ended(tenant, world, begun);
    if (guestLog.ranges.length > 0) world.checks.dirty.beginGuest(tenant);
    // Not into the rings, which live in the first page.
    for (const { start, vaddr, flags } of tenant.shadow.items)
      if (flags === 3 && vaddr !== tenant.buffer)
        dma.submit(tenant, { kind: dma.fill, queue: queue!, source: 1, target: start, length: 4 });
    world.settle();
    const told = guestLog.collect(tenant);
    if (told < 0) return ended(tenant, world, told);
    world.checks.dirty.guestKnows(tenant);
    return 0;
  },
};

function ended(tenant: Tenant, { checks, sound, outOfService }: World, result: number): number {
  const { guestLog } = tenant;
  const asked = guestLog.ranges.length > 0;
  if (!guestLog.running && asked && sound && !outOfService) checks.dirty.notStarted(result);
  tenant.device!.stopLogging();
  guestLog.running = false;
  return result;
}

export const LOG_ROUND: readonly Operation[] = [round];
