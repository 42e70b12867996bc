/** Eventfds on message interrupts. */
import { IRQ_SET, irq_set, VFIO } from '../../uapi/vfio.ts';
import { type IrqRequest, MOST_VECTORS } from '../pci/irq-model.ts';
import { judge } from '../pci/set-irqs.ts';
import { type Tenant, VECTORS } from '../tenant.ts';
import { disarms, namesNone } from './line.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const arm: Operation = {
  name: 'arm',
  needs: 'vectors',
  args: ['start', 'count', 'event'],
  weights: whileOpen(4),
  generate: (random, _tenant, world) => {
    const vectors = world.profile.vectors!.count;
    const start = random.below(vectors);
    return { start, count: 1 + random.below(vectors - start), event: random.below(VECTORS) };
  },
  run(tenant, { start: from, count: wanted, event }, world) {
    const [start, count] = [atMost(MOST_VECTORS, from), atMost(MOST_VECTORS, wanted)];
    const fds = Array.from({ length: count }, (_, i) => tenant.events[(event! + i) % VECTORS]!.fd);
    // A pending message is delivered inside the call, when its vector is unmasked.
    for (let i = 0; i < count; i++) tenant.armed[start + i] = (event! + i) % VECTORS;
    const result = tenant.device!.setIrqs(world.profile.vectors!.index, start, fds);
    if (result !== 0) for (let i = 0; i < count; i++) tenant.armed[start + i] = -1;
    return result;
  },
};

const disarm: Operation = {
  name: 'disarm',
  needs: 'vectors',
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world) {
    const result = tenant.device!.setIrqs(world.profile.vectors!.index, 0, []);
    if (result === 0) tenant.armed.fill(-1);
    return result;
  },
};

const ODD_STARTS = [0, 1, VECTORS - 1, VECTORS, 64, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff];
const ODD_COUNTS = [0, 1, 2, VECTORS, 65, 0x7fff_ffff, 0xffff_ffff];
const GOOD_FLAGS = [0x21, 0x22, 0x24];
const ODD_FLAGS = [0x25, 0x23, 0x20, 0x01, 0x0c, 0x14, 0x3f, 0x44];
/** Boundary values of SET_IRQS: ranges that wrap, two data types at once, indices that do not exist. */
const oddIrqs: Operation = {
  name: 'set_irqs_odd',
  args: ['index', 'flags', 'start', 'count'],
  weights: whileOpen(3),
  generate(random) {
    const start = random.pick(ODD_STARTS);
    // A range that ends where 32 bits do, or just behind, half of the time with flags that are right.
    const count = random.chance(40) ? (2 ** 32 - start + random.below(3)) >>> 0 : random.pick(ODD_COUNTS);
    return { index: random.below(6), flags: random.pick(random.chance(50) ? GOOD_FLAGS : ODD_FLAGS), start, count };
  },
  run(tenant, { index, flags, start, count }, world) {
    const { scratch } = tenant;
    const length = irq_set.size + 32;
    const { at } = irq_set;
    const known = tenant.device!.irqInfo(index!);
    const limit = typeof known === 'number' ? 0 : known.count;
    const view = scratch.begin(length);
    view.setUint32(at.argsz, length, true);
    view.setUint32(at.flags, flags!, true);
    view.setUint32(at.index, index!, true);
    view.setUint32(at.start, start!, true);
    view.setUint32(at.count, count!, true);
    for (let i = 0; i < 8; i++) view.setInt32(irq_set.size + 4 * i, -1, true);
    // Eventfds are all none, bytes all true.
    const data = new Array<number>(MOST_VECTORS).fill(-1);
    const request: IrqRequest = { index: index!, flags: flags!, start: start!, count: count!, data };
    const before = tenant.pci.irqs.anticipate(request);
    world.checks.interrupts.own(tenant);
    const result = tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_SET_IRQS, scratch.put(length));
    world.checks.interrupts.cause = undefined;
    if (world.profile.pci !== undefined) judge(tenant.pci.irqs, request, before, result);
    const types = flags! & IRQ_SET.DATA_TYPE_MASK;
    const bad = start! + count! > limit || (types & (types - 1)) !== 0 || types === 0 || (flags! & ~0x3f) !== 0;
    if (bad && result >= 0 && !(world.profile.serial && namesNone(flags!, count!)))
      world.checks.interrupts.accepted(`start ${start} count ${count} flags ${flags}`);
    if (result >= 0 && world.profile.serial && disarms(flags!, count!)) tenant.armed.fill(-1);
    if (result >= 0 && index === world.profile.vectors?.index) forgetVectors(tenant, start!, count!, flags!);
    return result;
  },
};

/** SET_IRQS took eventfds away, or signalled by hand: the model follows. */
function forgetVectors({ armed }: Tenant, start: number, count: number, flags: number): void {
  if (flags & IRQ_SET.DATA_NONE && count === 0) armed.fill(-1);
  else if (flags & IRQ_SET.DATA_EVENTFD) armed.fill(-1, start, start + count);
}

const events: Operation = {
  name: 'events',
  args: [],
  weights: [1, 3, 3, 3, 3, 3, 3, 3],
  generate: () => ({}),
  run(tenant, _args, world) {
    for (const { file } of tenant.events) world.observe(tenant, Number(file.drain()));
    return 0;
  },
};

export const INTERRUPT: readonly Operation[] = [arm, disarm, oddIrqs, events];
