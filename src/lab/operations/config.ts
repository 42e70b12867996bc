/** Configuration space of a PCI function: accesses of every width at every edge, and the walks that a guest makes. */
import { AF, CAP, COMMAND, EXP, PCI, PM, ROM_ADDRESS_ENABLE, VPD } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import { littleEndian, writeConfig, writeRegister } from '../pci/config-write.ts';
import type { Random } from '../random.ts';
import type { Shown } from '../reference/config-access.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { closeDevice, reopen } from './lifecycle.ts';
import { after, type Operation, whileOpen } from './operation.ts';

const LENGTHS = [1, 2, 3, 4, 8] as const;
const VALUES = [0, 1, 0xff, 0x7fff, 0x8000, 0xffff, 0x0001_0000, 0x8000_0000, 0xffff_ffff];
/** Registers of the header, and both edges of the space. */
const SPOTS = [0, 4, 6, 8, 0x0c, 0x10, 0x14, 0x18, 0x24, 0x2c, 0x30, 0x34, 0x3c, 0x3c, 0x40, 0xfc, 0x100];

/** A place near a register: of the header, or of a capability. */
function place(random: Random, fn: NonNullable<Tenant['fn']>): number {
  const { capabilities, size } = fn.template;
  // Half of the time where a register begins: what is aligned goes as one access.
  const aligned = random.chance(50);
  if (capabilities.length === 0 || random.chance(30))
    return random.pick([...SPOTS, size - 4]) + (aligned ? 0 : random.below(4));
  const { at, size: length } = random.pick(capabilities);
  const inside = random.below(Math.min(length + 4, 0x40));
  return at + (aligned ? inside & ~3 : inside);
}

const read: Operation = {
  name: 'cfg_read',
  needs: 'pci',
  args: ['offset', 'length'],
  weights: whileOpen(4),
  generate: (random, { fn }) => ({ offset: place(random, fn!), length: random.pick([...LENGTHS, 16, 64]) }),
  run(tenant, { offset, length }, world) {
    const result = tenant.device!.readRegion(PCI_REGION.CONFIG, offset!, length!);
    if (result <= 0) return result;
    const bytes = tenant.device!.bytes(result);
    world.observe(tenant, bytes);
    world.checks.config.read(tenant, offset!, bytes);
    return result;
  },
};

const write: Operation = {
  name: 'cfg_write',
  needs: 'pci',
  args: ['offset', 'length', 'value', 'high'],
  weights: whileOpen(8),
  generate: (random, { fn }) => ({
    offset: place(random, fn!),
    length: random.pick(LENGTHS),
    value: random.chance(50) ? random.pick(VALUES) : random.bits(),
    high: random.chance(50) ? 0 : random.bits(),
  }),
  run(tenant, { offset, length, value, high }, world) {
    const bytes = new Uint8Array([...littleEndian(value!, 4), ...littleEndian(high!, 4)]).subarray(0, length);
    return writeConfig(tenant, world, offset!, bytes);
  },
};

/** What a guest does with COMMAND all the time. */
const COMMANDS = [
  COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER,
  COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER | COMMAND.INTX_DISABLE,
  COMMAND.MASTER,
  COMMAND.MEMORY,
  0,
  COMMAND.INTX_DISABLE,
];

const command: Operation = {
  name: 'command',
  needs: 'pci',
  args: ['value', 'width'],
  weights: whileOpen(7),
  spawnable: true,
  generate: (random) => ({ value: random.pick(COMMANDS), width: random.chance(80) ? 2 : 4 }),
  run: (tenant, { value, width }, world, spawned) =>
    writeConfig(tenant, world, PCI.COMMAND, littleEndian(value!, width!), spawned),
};

const power: Operation = {
  name: 'power',
  needs: 'pci',
  args: ['state'],
  weights: whileOpen(4),
  generate: (random, { fn }) =>
    fn!.capability(CAP.PM) === 0 ? undefined : { state: random.chance(60) ? 3 * random.below(2) : random.below(4) },
  run(tenant, { state }, world) {
    const call = writeRegister(tenant, world, tenant.fn!.capability(CAP.PM) + PM.CTRL, 2, state!);
    return after(call, (result) => {
      if (result > 0) world.checks.config.wokenUp(tenant);
      return result;
    });
  },
};

/** Asleep and awake again, which the user's function must survive as it was. */
const cycle: Operation = {
  name: 'power_cycle',
  needs: 'pci',
  args: [],
  weights: whileOpen(3),
  generate: (_random, { fn, pending }) => (fn!.capability(CAP.PM) === 0 || pending > 0 ? undefined : {}),
  run(tenant, _args, world) {
    world.finish(tenant, power.run(tenant, { state: 3 }, world, false));
    return power.run(tenant, { state: 0 }, world, false);
  },
};

/** Function level reset by either capability, in accesses that hold the bit and more. */
const resetBit: Operation = {
  name: 'reset_bit',
  needs: 'pci',
  args: ['advanced', 'width'],
  weights: whileOpen(2),
  generate(random, { fn }) {
    const [exp, af] = [fn!.capability(CAP.EXP), fn!.capability(CAP.AF)];
    if (exp === 0 && af === 0) return undefined;
    const advanced = exp === 0 || (af !== 0 && random.chance(50)) ? 1 : 0;
    return { advanced, width: random.pick([1, 2, 4]) };
  },
  run(tenant, { advanced, width }, world) {
    const at = advanced ? tenant.fn!.capability(CAP.AF) + AF.CTRL : tenant.fn!.capability(CAP.EXP) + EXP.DEVCTL;
    if (at < PCI.STD_HEADER_SIZEOF) return -ERRNO.EINVAL;
    world.checks.liveness.resetting(tenant);
    const whole = advanced || width! > 1;
    const call = whole
      ? writeRegister(tenant, world, at, width!, advanced ? 1 : 0x8000)
      : writeRegister(tenant, world, at + 1, 1, 0x80);
    // Whatever came of it, the bit reads as none.
    return after(call, (result) => {
      if (result > 0) read.run(tenant, { offset: at, length: 2 }, world, false);
      return result;
    });
  },
};

/** Places at which a user can leave something, and sets nothing going: the header, and registers of capabilities. */
const TRACES = [PCI.CACHE_LINE_SIZE, PCI.INTERRUPT_LINE, PCI.BASE_ADDRESS_0, PCI.ROM_ADDRESS];
const IN_CAPABILITIES: ReadonlyMap<number, number> = new Map([
  [CAP.EXP, 0x28],
  [CAP.VNDR, 4],
  [CAP.VPD, VPD.DATA],
  [CAP.MSI, 4],
]);

/** The tenant writes wherever it can, and leaves: who opens the device next finds nothing of it. */
const traces: Operation = {
  name: 'leave_traces',
  needs: 'pci',
  args: ['value'],
  weights: whileOpen(2),
  generate: (random, { pending }) => (pending > 0 ? undefined : { value: (random.bits() | 0x0101_0101) >>> 0 }),
  run(tenant, { value }, world) {
    const { capabilities } = tenant.fn!.template;
    const inside = capabilities.flatMap(({ id, at, extended }) => {
      const offset = extended ? undefined : IN_CAPABILITIES.get(id);
      return offset === undefined ? [] : [at + offset];
    });
    for (const at of [...TRACES, ...inside])
      world.finish(tenant, writeRegister(tenant, world, at, at === PCI.CACHE_LINE_SIZE ? 2 : 4, value! >>> 0));
    closeDevice(tenant, world);
    return reopen(tenant, world);
  },
};

const list: Operation = {
  name: 'cfg_list',
  needs: 'pci',
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world) {
    const standard = walk(tenant, 1, tenant.device!.read(PCI_REGION.CONFIG, PCI.CAPABILITY_LIST, 1));
    const extended = tenant.fn!.template.size > 0x100 ? walkExtended(tenant) : [];
    world.checks.config.listed(tenant, standard, extended);
    for (const { id, at } of [...standard, ...extended]) world.observe(tenant, id * 0x10000 + at);
    return standard.length + extended.length;
  },
};

/** Hops of a list that is no loop. */
const MOST = 48;

function walk({ device }: Tenant, next: number, first: number): Shown[] {
  const found: Shown[] = [];
  for (let at = first; at > 0 && found.length < MOST; at = device!.read(PCI_REGION.CONFIG, at + next, 1))
    found.push({ id: device!.read(PCI_REGION.CONFIG, at, 1), at });
  return found;
}

/** No list at all is a header of zero. */
function walkExtended({ device, fn }: Tenant): Shown[] {
  const found: Shown[] = [];
  if (!fn!.template.capabilities.some(({ extended }) => extended)) return found;
  for (let at = 0x100; at !== 0 && found.length < MOST; ) {
    const header = device!.read(PCI_REGION.CONFIG, at, 4);
    found.push({ id: header & 0xffff, at });
    at = header >>> 20;
  }
  return found;
}

/** Sizing by writing all ones, as every guest does, must tell what region info tells. */
const sizing: Operation = {
  name: 'bar_sizing',
  needs: 'pci',
  args: ['bar'],
  weights: whileOpen(3),
  generate: (random) => ({ bar: random.below(7) }),
  run(tenant, { bar }, world) {
    const device = tenant.device!;
    const at = bar! < 6 ? PCI.BASE_ADDRESS_0 + 4 * bar! : PCI.ROM_ADDRESS;
    const before = device.read(PCI_REGION.CONFIG, at, 4);
    const write = (value: number): number => world.finish(tenant, writeRegister(tenant, world, at, 4, value));
    write(0xffff_ffff);
    const sized = device.read(PCI_REGION.CONFIG, at, 4);
    write(before);
    world.observe(tenant, sized);
    judgeSize(tenant, world, bar!, sized);
    if (tenant.fn!.template.bars[bar!]?.kind === 'mem64') sizeUpper(tenant, world, bar!);
    return 0;
  },
};

/** The other register of a BAR of 64 bits is its upper half, all of it address. */
function sizeUpper(tenant: Tenant, world: World, bar: number): void {
  const at = PCI.BASE_ADDRESS_0 + 4 * (bar + 1);
  const before = tenant.device!.read(PCI_REGION.CONFIG, at, 4);
  const write = (value: number): number => world.finish(tenant, writeRegister(tenant, world, at, 4, value));
  write(0xffff_ffff);
  const upper = tenant.device!.read(PCI_REGION.CONFIG, at, 4);
  write(before);
  const { size } = tenant.fn!.template.bars[bar]!;
  const due = size >= 2 ** 32 ? -(size / 2 ** 32) >>> 0 : 0xffff_ffff;
  if (upper >= 0 && upper !== due) world.checks.config.disagrees(bar, `its upper half is sized ${upper.toString(16)}`);
}

function judgeSize({ device, fn }: Tenant, world: World, bar: number, sized: number): void {
  const info = device!.regionInfo(bar);
  if (typeof info === 'number' || fn!.template.bars[bar - 1]?.kind === 'mem64') return;
  const rom = bar === 6;
  const io = fn!.template.bars[bar]?.kind === 'io';
  const address = sized & (rom ? ~0x7ff : io ? ~3 : ~0xf);
  const size = sized === 0 ? 0 : -address >>> 0;
  // A ROM that is not decoded, or holds no image, is no region.
  if (rom && info.size === 0) return;
  if (info.size !== size) world.checks.config.disagrees(bar, `sizing tells ${size} bytes, region info ${info.size}`);
  if (rom && sized > 0 && (sized & ROM_ADDRESS_ENABLE) === 0)
    world.checks.config.disagrees(bar, 'a ROM of which decode cannot be enabled');
  if (info.size > 0 && !rom && io !== ((sized & 1) === 1))
    world.checks.config.disagrees(bar, 'the kind of its BAR register');
}

export const CONFIG: readonly Operation[] = [read, write, command, power, resetBit, list, sizing, cycle, traces];
