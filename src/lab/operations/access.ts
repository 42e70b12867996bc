/** Reads and writes of the device's regions. */
import { DEVICE_FLAGS, PCI_REGION } from '../../uapi/vfio.ts';
import { littleEndian, writeConfig } from '../pci/config-write.ts';
import { type Operation, whileOpen } from './operation.ts';

/** Widths of register accesses. */
const WIDTHS = [1, 2, 4] as const;

/** Offsets where fields meet: the interesting places of a header and of capabilities. */
const CONFIG_SPOTS = [
  0, 2, 3, 4, 5, 6, 0x0c, 0x10, 0x14, 0x30, 0x34, 0x3c, 0x3e, 0x40, 0x70, 0x72, 0xa8, 0xff, 0x100, 0x150, 0xffe,
];

const configRead: Operation = {
  name: 'config_read',
  args: ['offset', 'length'],
  weights: whileOpen(4),
  generate: (random) => ({ offset: random.pick(CONFIG_SPOTS) + random.below(4), length: 1 + random.below(16) }),
  run(tenant, { offset, length }, world) {
    const result = tenant.device!.readRegion(PCI_REGION.CONFIG, offset!, length!);
    if (result > 0) world.observe(tenant, tenant.device!.bytes(result));
    return result;
  },
};

const configWrite: Operation = {
  name: 'config_write',
  args: ['offset', 'width', 'value'],
  weights: whileOpen(4),
  generate: (random, { fn }) => ({
    offset:
      fn !== undefined && random.chance(50)
        ? random.pick(fn.template.capabilities).at + random.below(12)
        : random.pick(CONFIG_SPOTS) + random.below(4),
    width: random.pick(WIDTHS),
    value: random.bits(),
  }),
  run(tenant, { offset, width, value }, world) {
    return writeConfig(tenant, world, offset!, littleEndian(value!, width!));
  },
};

const barRead: Operation = {
  name: 'bar_read',
  needs: 'registers',
  args: ['offset', 'length'],
  weights: whileOpen(6),
  generate(random, _tenant, world) {
    const { offsets, window } = world.profile.registers!;
    const inWindow = window !== undefined && random.chance(40);
    const offset = inWindow ? window.offset + 4 * random.below(64) : random.pick(offsets);
    return { offset, length: inWindow ? 4 << random.below(4) : 4 };
  },
  run(tenant, { offset, length }, world) {
    const result = tenant.device!.readRegion(world.profile.registers!.bar, offset!, length!);
    if (result > 0) world.observe(tenant, tenant.device!.bytes(result));
    return result;
  },
};

const barWrite: Operation = {
  name: 'bar_write',
  needs: 'registers',
  args: ['offset', 'value'],
  weights: whileOpen(6),
  generate(random, _tenant, world) {
    const { offsets, window } = world.profile.registers!;
    const inWindow = window !== undefined && random.chance(60);
    const offset = inWindow ? window.offset + 4 * random.below(64) : random.pick(offsets);
    return { offset, value: inWindow ? random.bits() : random.pick(BOUNDARY) };
  },
  run: (tenant, { offset, value }, world) =>
    tenant.device!.write(world.profile.registers!.bar, offset!, 4, world.content(tenant, value!)),
};

/** Numbers at which arithmetic goes wrong. */
export const BOUNDARY = [
  0, 1, 2, 3, 4, 8, 0xff, 0xfff, 0x1000, 0x1001, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff,
];

const info: Operation = {
  name: 'info',
  args: ['kind', 'index'],
  weights: whileOpen(3),
  generate(random) {
    const kind = random.below(4);
    // Five indices of interrupts, nine regions.
    return { kind, index: random.below(kind === 2 ? 6 : 11) };
  },
  run(tenant, { kind, index }, world) {
    const device = tenant.device!;
    if (kind === 3) {
      const bytes = tenant.container?.client.info() ?? 0;
      if (typeof bytes === 'number') return bytes;
      world.observe(tenant, bytes);
      return 0;
    }
    if (kind === 0) {
      const told = device.info();
      if (typeof told !== 'number') world.checks.config.regions(told.regions);
    }
    const pci = world.profile.pci !== undefined;
    if (pci) world.checks.config.asking(tenant);
    world.checks.interrupts.waking(tenant);
    const answer = kind === 0 ? device.info() : kind === 1 ? device.regionInfo(index!) : device.irqInfo(index!);
    if (pci) world.checks.config.asked(tenant);
    world.checks.interrupts.woke(tenant);
    if (typeof answer === 'number') return answer;
    if ('offset' in answer) world.checks.config.toldRegion(tenant, index!, answer);
    if ('irqs' in answer) world.checks.liveness.promised(tenant, (answer.flags & DEVICE_FLAGS.RESET) !== 0);
    if ('count' in answer) world.checks.interrupts.toldIndex(tenant, index!, answer);
    for (const value of Object.values(answer)) world.observe(tenant, value);
    return 0;
  },
};

/** The part of BAR n that mmap must refuse or grant exactly as region info says. */
const mmap: Operation = {
  name: 'mmap',
  args: ['region', 'offset', 'pages'],
  weights: whileOpen(2),
  generate: (random) => ({ region: random.below(12), offset: 4096 * random.below(3), pages: 1 + random.below(2) }),
  run(tenant, { region, offset, pages }, world) {
    const device = tenant.device!;
    const address = tenant.process.mmap(device.fd, region! * 2 ** 40 + offset!, pages! * 4096, {
      read: true,
      write: true,
      shared: true,
    });
    const promised = device.regionInfo(region!);
    const claimed = tenant.fn?.template.bars[region!]?.claimed === true;
    const allowed =
      !claimed &&
      pages! > 0 &&
      typeof promised !== 'number' &&
      (promised.flags & 4) !== 0 &&
      offset! + pages! * 4096 <= Math.ceil(promised.size / 4096) * 4096;
    world.checks.config.mapped(region!, address, allowed);
    if (address < 0) return address;
    const bytes = tenant.process.memory.read(address, 4);
    world.observe(tenant, bytes === undefined ? -1 : bytes);
    return tenant.process.munmap(address);
  },
};

export const ACCESS: readonly Operation[] = [configRead, configWrite, barRead, barWrite, info, mmap];
