/** BARs and other regions: mappings that are held while memory goes away, and the edges that region info tells of. */
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';

const PAGE = 4096;
/** Mappings that a tenant holds at a time. */
const MOST = 3;
const REGION = 2 ** 40;

/** A BAR that can be mapped, and a page in it. */
function memoryBars({ fn }: Tenant): number[] {
  return fn!.template.bars.flatMap((bar, index) => (bar === undefined || bar.kind === 'io' ? [] : [index]));
}

const map: Operation = {
  name: 'bar_map',
  needs: 'pci',
  args: ['bar', 'page'],
  weights: whileOpen(4),
  generate: (random, tenant) =>
    tenant.pci.mappings.length >= MOST ? undefined : { bar: random.pick(memoryBars(tenant)), page: random.below(2) },
  run(tenant, { bar, page }) {
    const how = { read: true, write: true, shared: true };
    const offset = page! * PAGE;
    const address = tenant.process.mmap(tenant.device!.fd, bar! * REGION + offset, PAGE, how);
    if (address < 0) return address;
    tenant.pci.mappings.push({ address, bar: bar!, offset });
    return 0;
  },
};

/** Words of a mapping worth touching; the first ones of BAR 3 are the table of messages, which is read only here. */
const WORDS = [0x80, 0x88, 0x90, 0x60, 0x64, 0x20, 0x7fc, 0xffc];

const touch: Operation = {
  name: 'bar_touch',
  needs: 'pci',
  args: ['which', 'offset', 'write'],
  weights: whileOpen(7),
  generate: (random, { pci }) =>
    pci.mappings.length === 0
      ? undefined
      : { which: random.below(pci.mappings.length), offset: random.pick(WORDS), write: random.below(2) },
  run(tenant, { which, offset, write }, world) {
    const held = tenant.pci.mappings[which!];
    if (held === undefined) return -ERRNO.EFAULT;
    const { memory } = tenant.process;
    const stores = write !== 0 && held.bar !== 3;
    const at = held.address + offset!;
    const bytes = stores ? undefined : memory.read(at, 4);
    const done = stores ? memory.write(at, new Uint8Array(4)) : bytes !== undefined;
    if (bytes !== undefined) world.observe(tenant, bytes);
    if (!memoryUnknown(tenant)) world.checks.config.touched(held.bar, done, memoryOn(tenant));
    return done ? 0 : -ERRNO.EFAULT;
  },
};

/** Several mappings with pages in them: all of them go when memory goes. */
const hold: Operation = {
  name: 'bar_hold',
  needs: 'pci',
  args: ['page'],
  weights: whileOpen(2),
  generate: (random, { pci }) => (pci.mappings.length >= MOST ? undefined : { page: random.below(2) }),
  run(tenant, { page }, world) {
    const bars = memoryBars(tenant);
    for (let i = tenant.pci.mappings.length; i < MOST; i++) {
      const result = map.run(tenant, { bar: bars[i % bars.length]!, page: page! }, world, false);
      if (typeof result === 'number' && result >= 0)
        touch.run(tenant, { which: tenant.pci.mappings.length - 1, offset: WORDS[0]!, write: 0 }, world, false);
    }
    return tenant.pci.mappings.length;
  },
};

const unmap: Operation = {
  name: 'bar_unmap',
  needs: 'pci',
  args: ['which'],
  weights: whileOpen(1),
  generate: (random, { pci }) => (pci.mappings.length === 0 ? undefined : { which: random.below(pci.mappings.length) }),
  run(tenant, { which }) {
    const [held] = tenant.pci.mappings.splice(which!, 1);
    return held === undefined ? -ERRNO.EINVAL : tenant.process.munmap(held.address);
  },
};

/** Takes all mappings of the device away: they hold it open. */
export function unmapAll({ pci, process }: Tenant): void {
  for (const { address } of pci.mappings.splice(0)) process.munmap(address);
}

const edges: Operation = {
  name: 'region_edges',
  needs: 'pci',
  args: ['region'],
  weights: whileOpen(4),
  generate: (random) => ({ region: random.below(10) }),
  run(tenant, { region }, world) {
    const { config } = world.checks;
    config.asking(tenant);
    const info = tenant.device!.regionInfo(region!);
    config.asked(tenant);
    if (typeof info === 'number') {
      if (region! < PCI_REGION.VGA) config.disagrees(region!, 'there is no region info');
      return info;
    }
    if (region! > PCI_REGION.VGA) config.disagrees(region!, 'the device has no such region');
    if (region! <= PCI_REGION.BAR5 && info.flags & 4 && sharesPage(tenant, world, region!))
      config.disagrees(region!, 'it can be mapped, and part of its page is of another function');
    if (region! > PCI_REGION.CONFIG || memoryUnknown(tenant)) return 0;
    judgeEdges(tenant, world, region!, info);
    return 0;
  },
};

/** A BAR of less than a page, and another function's BAR in the same page. */
function sharesPage({ fn }: Tenant, { machine }: World, bar: number): boolean {
  const start = fn!.windows[bar];
  const size = fn!.template.bars[bar]?.size ?? PAGE;
  if (start === undefined || size >= PAGE) return false;
  const page = start - (start % PAGE);
  return machine.hardware.functions.some(
    (other) => other !== fn && other.windows.some((at) => at !== undefined && at >= page && at < page + PAGE),
  );
}

function judgeEdges(tenant: Tenant, world: World, region: number, info: { flags: number; size: number }): void {
  const { device, fn, process } = tenant;
  const { config } = world.checks;
  const { size } = info;
  if (device!.readRegion(region, size, 1) >= 0) config.disagrees(region, 'a read behind its end is answered');
  if (size === 0) return;
  const [last, kind] = [device!.readRegion(region, size - 1, 1), fn!.template.bars[region]];
  const memory = region < 6 && kind?.kind !== 'io';
  const expected = kind?.claimed === true ? -ERRNO.EBUSY : memory && !memoryOn(tenant) ? -ERRNO.EIO : 1;
  // A read wakes a device that its user let sleep.
  if (region !== PCI_REGION.ROM && !tenant.pci.lowPower && last !== expected)
    config.disagrees(region, `its last byte answers ${last}`);
  const across = device!.readRegion(region, size - 1, 2);
  if (across > 1) config.disagrees(region, 'a read across its end is answered in full');
  const whole = { read: true, write: true, shared: false };
  const copied = process.mmap(device!.fd, region * REGION, PAGE, whole);
  if (copied >= 0) {
    config.disagrees(region, 'a private mapping is granted');
    process.munmap(copied);
  }
  const behind = process.mmap(device!.fd, region * REGION + Math.ceil(size / PAGE) * PAGE, PAGE, {
    read: true,
    write: false,
    shared: true,
  });
  if (behind < 0) return;
  config.disagrees(region, 'a page behind its end can be mapped');
  process.munmap(behind);
}

export const PCI_REGIONS: readonly Operation[] = [map, touch, unmap, edges, hold];
