/** DMA mappings, and work that makes the device use them. */
import { MSI_WINDOW } from '../../../sim/iommu/iommu.ts';
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Random } from '../random.ts';
import { BUFFER_BYTES, type Tenant } from '../tenant.ts';
import { unmappedBy } from '../ways/way.ts';
import type { World } from '../world.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';

const PAGES = BUFFER_BYTES / PAGE_SIZE;

/** IOVAs a tenant may try: low ones, the top of the aperture, the MSI window, what another tenant uses. */
function anyIova(random: Random, tenant: Tenant, world: World): number {
  const top = world.machine.hardware.fabric.iommu.features.aperture[1] + 1;
  const choice = random.below(20);
  if (choice < 12) return PAGE_SIZE * random.below(32);
  if (choice < 15) return top - PAGE_SIZE * (1 + random.below(4));
  if (choice < 16 && tenant === world.a) return MSI_WINDOW.start + PAGE_SIZE * random.below(2);
  return 0x1_0000_0000 + PAGE_SIZE * random.below(64);
}

/** An IOVA the tenant mapped, or any. */
function iovaOf(random: Random, tenant: Tenant, world: World): number {
  const { items } = tenant.shadow;
  // What was unmapped must not be reachable any more.
  if (tenant.unmapped !== undefined && random.chance(15)) return tenant.unmapped;
  if (items.length === 0 || random.chance(10)) return anyIova(random, tenant, world);
  return random.pick(items).start + 64 * random.below(8);
}

const map: Operation = {
  name: 'map',
  needs: 'dma',
  args: ['page', 'pages', 'iova', 'flags'],
  weights: [2, 6, 6, 6, 6, 6, 6, 6],
  generate(random, tenant, world) {
    const page = random.below(PAGES);
    return {
      page,
      pages: 1 + random.below(PAGES - page),
      iova: anyIova(random, tenant, world),
      flags: random.chance(80) ? 3 : random.below(5),
    };
  },
  run(tenant, { page, pages, iova, flags }, world) {
    const vaddr = tenant.buffer + page! * PAGE_SIZE;
    const length = pages! * PAGE_SIZE;
    const result = tenant.way.map(vaddr, iova!, length, flags!);
    if (result === 0) tenant.shadow.insert({ start: iova!, length, vaddr, flags: flags! });
    world.checks.resources.mapped(tenant);
    world.checks.dma.translations(tenant);
    return result;
  },
};

const unmap: Operation = {
  name: 'unmap',
  needs: 'dma',
  args: ['iova', 'size', 'all'],
  weights: [1, 4, 4, 4, 4, 4, 4, 4],
  generate(random, tenant, world): Args {
    const { items } = tenant.shadow;
    const all = random.chance(5);
    if (items.length === 0 || random.chance(20))
      return { iova: anyIova(random, tenant, world), size: PAGE_SIZE * (1 + random.below(8)), all: 0 };
    // The oldest mapping is the one the rings live in: without it the device does nothing.
    const mapping =
      random.pick(items.length > 1 && random.chance(80) ? items.filter((m) => m.vaddr !== tenant.buffer) : items) ??
      items[0]!;
    return { iova: all ? 0 : mapping.start, size: all ? 0 : mapping.length, all: all ? 1 : 0 };
  },
  run(tenant, { iova, size, all }, world) {
    const range = { iova: iova!, size: size!, all: all !== 0 };
    const result = tenant.way.unmap(range.iova, range.size, range.all);
    let gone = 0;
    for (const mapping of unmappedBy(world.profile.way, tenant.shadow, range, result)) {
      tenant.shadow.remove(mapping);
      tenant.unmapped = mapping.start;
      gone += mapping.length;
    }
    if (result < 0) return result;
    world.checks.dma.unmapped(result, gone);
    world.checks.dma.translations(tenant);
    return result;
  },
};

const job: Operation = {
  name: 'job',
  needs: 'dma',
  args: ['kind', 'queue', 'source', 'target', 'length'],
  weights: whileOpen(10),
  generate: (random, tenant, world) => {
    const { kinds, fill } = world.profile.dma!;
    // A small word written into the message window is what a forged interrupt looks like.
    // Only A forges: which vectors a tenant has is the host's business, and B must not depend on it.
    if (tenant === world.a && random.chance(4))
      return { kind: fill, queue: random.below(2), source: random.below(24), target: MSI_WINDOW.start, length: 4 };
    return {
      kind: random.below(kinds),
      queue: random.below(2),
      source: iovaOf(random, tenant, world),
      target: iovaOf(random, tenant, world),
      length: random.chance(80) ? 1 + random.below(256) : random.pick([0, 4096, 4097, 65536, 0xffff_ffff]),
    };
  },
  run: (tenant, args, world) => world.profile.dma!.submit(tenant, args),
};

const settle: Operation = {
  name: 'wait',
  args: [],
  weights: whileOpen(5),
  generate: () => ({}),
  run(tenant, _args, world) {
    world.settle();
    world.checks.liveness.idle(tenant);
    tenant.pci.irqs.deferred = false;
    return 0;
  },
};

export const DMA: readonly Operation[] = [map, unmap, job, settle];
