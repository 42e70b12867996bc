/** Interrupts of a PCI function: INTx with its masks, MSI and MSI-X, and the two that the host raises. */
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';
import { MOST_VECTORS } from '../pci/irq-model.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import { BAD_FD, setIrqs } from '../pci/set-irqs.ts';
import type { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { after, type Operation, whileOpen } from './operation.ts';
import { raise } from './pci-events.ts';

const { ACTION_MASK, ACTION_TRIGGER, ACTION_UNMASK, DATA_NONE, DATA_BOOL, DATA_EVENTFD } = IRQ_SET;
/** Eventfds for interrupts; of the others one tells of waking up, and to the last one the kernel listens. */
const TRIGGERS = 2;
export const WAKING = 2;
export const LISTENED = 3;

/** An index that is active, or could be made so. */
export function anyIndex(random: Random, { pci, fn }: Tenant): number {
  const { type } = pci.irqs;
  if (type !== PCI_IRQ.NUM && random.chance(85)) return type;
  const { capabilities } = fn!.template;
  const usable = [
    PCI_IRQ.INTX,
    ...capabilities.flatMap(({ id, extended }) => (extended ? [] : (INDICES.get(id) ?? []))),
  ];
  return random.pick(usable);
}
const INDICES: ReadonlyMap<number, readonly number[]> = new Map([
  [0x05, [PCI_IRQ.MSI]],
  [0x11, [PCI_IRQ.MSIX]],
]);

const arm: Operation = {
  name: 'irq_arm',
  needs: 'pci',
  args: ['index', 'start', 'count', 'event'],
  weights: whileOpen(9),
  spawnable: true,
  generate(random, tenant) {
    const index = anyIndex(random, tenant);
    // One of the vectors that are armed is taken back alone.
    const armed = tenant.pci.irqs.messages.findLastIndex((event) => event >= 0);
    if (armed >= 0 && index === tenant.pci.irqs.type && random.chance(12))
      return { index, start: armed, count: 1, event: -1 };
    const start = index === PCI_IRQ.INTX ? 0 : random.below(random.chance(70) ? 2 : MOST_VECTORS - 2);
    const count = index === PCI_IRQ.INTX ? 1 : 1 + random.below(2);
    return { index, start, count, event: random.chance(5) ? BAD_FD : random.chance(8) ? -1 : random.below(TRIGGERS) };
  },
  run(tenant, { index, start, count, event }, world, spawned) {
    if (count! > MOST_VECTORS || start! + count! > MOST_VECTORS) return -ERRNO.EINVAL;
    const data = Array.from({ length: count! }, (_, i) =>
      event! < 0 || event! === BAD_FD ? event! : (event! + i) % TRIGGERS,
    );
    const request = { index: index!, flags: DATA_EVENTFD | ACTION_TRIGGER, start: start!, count: count!, data };
    return setIrqs(tenant, world, request, spawned);
  },
};

/** A block of vectors of which one cannot be armed: those before it are not armed either. */
const block: Operation = {
  name: 'irq_block',
  needs: 'pci',
  args: ['index', 'start', 'count', 'bad'],
  weights: whileOpen(2),
  generate(random, tenant) {
    const { type, allocated } = tenant.pci.irqs;
    if (type !== PCI_IRQ.MSI && type !== PCI_IRQ.MSIX) return undefined;
    const count = Math.min(2 + random.below(3), type === PCI_IRQ.MSI ? allocated : MOST_VECTORS);
    return count < 2 ? undefined : { index: type, start: 0, count, bad: 1 + random.below(count - 1) };
  },
  run(tenant, { index, start, count, bad }, world) {
    if (count! > MOST_VECTORS || start! + count! > MOST_VECTORS) return -ERRNO.EINVAL;
    const data = Array.from({ length: count! }, (_, i) => (i === bad ? BAD_FD : i % TRIGGERS));
    return setIrqs(tenant, world, {
      index: index!,
      flags: DATA_EVENTFD | ACTION_TRIGGER,
      start: start!,
      count: count!,
      data,
    });
  },
};

const disarm: Operation = {
  name: 'irq_disarm',
  needs: 'pci',
  args: ['index'],
  weights: whileOpen(3),
  spawnable: true,
  generate: (random, tenant) => ({ index: anyIndex(random, tenant) }),
  run: (tenant, { index }, world, spawned) =>
    setIrqs(tenant, world, { index: index!, flags: DATA_NONE | ACTION_TRIGGER, start: 0, count: 0, data: [] }, spawned),
};

/** How a vector is named: without data, by a true byte, by a false one. */
const KINDS = [
  { data: DATA_NONE, bytes: [] },
  { data: DATA_BOOL, bytes: [1] },
  { data: DATA_BOOL, bytes: [0] },
] as const;

/** The eventfd that a trigger by hand must signal; -1: none, or it is not known. */
function armedWith({ pci: { irqs, lowPower }, pending }: Tenant, index: number, start: number): number {
  if (pending > 0 || irqs.unsure || lowPower) return -1;
  if (index >= PCI_IRQ.ERR) return start > 0 ? -1 : index === PCI_IRQ.ERR ? irqs.err : irqs.req;
  if (irqs.type !== index) return -1;
  if (index === PCI_IRQ.INTX) return start > 0 || irqs.disabled ? -1 : irqs.intx;
  return irqs.messages[start] ?? -1;
}

const trigger: Operation = {
  name: 'irq_trigger',
  needs: 'pci',
  args: ['index', 'start', 'kind'],
  weights: whileOpen(4),
  generate(random, tenant) {
    const index = random.chance(20) ? PCI_IRQ.ERR + random.below(2) : anyIndex(random, tenant);
    // More often a vector that is armed, and not the first of them.
    const armed = tenant.pci.irqs.messages.findLastIndex((event) => event >= 0);
    const start = armed >= 0 && random.chance(50) ? armed : random.below(2);
    return { index, start, kind: random.below(KINDS.length) };
  },
  run(tenant, { index, start, kind }, world) {
    const { data, bytes } = KINDS[kind! % KINDS.length]!;
    const request = { index: index!, flags: data | ACTION_TRIGGER, start: start!, count: 1, data: bytes };
    const armed = armedWith(tenant, index!, start!);
    tenant.pci.signals.length = 0;
    return after(setIrqs(tenant, world, request), (result) => {
      if (bytes[0] !== 0) world.checks.interrupts.triggered(tenant, armed, result);
      return result;
    });
  },
};

const mask: Operation = {
  name: 'intx_mask',
  needs: 'pci',
  args: ['on', 'kind'],
  weights: whileOpen(6),
  spawnable: true,
  generate: (random, { pci }) =>
    pci.irqs.type !== PCI_IRQ.INTX && random.chance(90)
      ? undefined
      : { on: random.chance(30) ? 1 : 0, kind: random.below(KINDS.length) },
  run(tenant, { on, kind }, world, spawned) {
    const { data, bytes } = KINDS[kind! % KINDS.length]!;
    const flags = data | (on ? ACTION_MASK : ACTION_UNMASK);
    return setIrqs(tenant, world, { index: PCI_IRQ.INTX, flags, start: 0, count: 1, data: bytes }, spawned);
  },
};

const unmaskBy: Operation = {
  name: 'intx_unmask_by',
  needs: 'pci',
  args: ['event'],
  weights: whileOpen(3),
  generate: (random, { pci }) =>
    pci.irqs.type !== PCI_IRQ.INTX && random.chance(90) ? undefined : { event: random.chance(75) ? LISTENED : -1 },
  run(tenant, { event }, world) {
    const data = [event! === LISTENED ? LISTENED : -1];
    const { masked } = tenant.pci.irqs;
    // A count from before works once.
    if (data[0] === LISTENED && tenant.events[LISTENED]!.file.count > 0n) {
      tenant.pci.irqs.unmask();
      tenant.pci.irqs.deferred = true;
    }
    const request = { index: PCI_IRQ.INTX, flags: DATA_EVENTFD | ACTION_UNMASK, start: 0, count: 1, data };
    return after(setIrqs(tenant, world, request), (result) => {
      if (result < 0) tenant.pci.irqs.masked ||= masked;
      return result;
    });
  },
};

const ofHost: Operation = {
  name: 'host_irq_arm',
  needs: 'pci',
  args: ['index', 'event'],
  weights: whileOpen(5),
  spawnable: true,
  generate: (random) => ({
    index: PCI_IRQ.ERR + random.below(2),
    event: random.chance(75) ? random.below(TRIGGERS) : -1,
  }),
  run(tenant, { index, event }, world, spawned) {
    if (index !== PCI_IRQ.ERR && index !== PCI_IRQ.REQ) return -ERRNO.EINVAL;
    const flags = event! < 0 ? DATA_NONE | ACTION_TRIGGER : DATA_EVENTFD | ACTION_TRIGGER;
    const data = event! < 0 ? [] : [event! % TRIGGERS];
    return setIrqs(tenant, world, { index, flags, start: 0, count: data.length, data }, spawned);
  },
};

/** A signal on which registers are written: each of them must be, with what was agreed, if it is `certain` that they can be. */
export function writing(tenant: Tenant, world: World, certain: boolean, call: () => number): number {
  const { fn, pci } = tenant;
  const written = new Set<string>();
  fn!.onWrite = (bar, offset, width, value) => written.add(`${bar} ${offset} ${width} ${value}`);
  const result = call();
  fn!.onWrite = undefined;
  // A register of 64 bits may be written in halves.
  for (const { bar, offset, width, data } of pci.ioEvents)
    if (certain && !written.has(`${bar} ${offset} ${Math.min(width, 4)} ${data}`))
      world.checks.config.unwritten(bar, offset);
  return result;
}

/** The tenant signals the eventfd that the kernel listens to: INTx is unmasked by it, registers are written. */
const signal: Operation = {
  name: 'signal',
  needs: 'pci',
  args: [],
  weights: whileOpen(4),
  generate: (random, { pci }) =>
    pci.irqs.unmaskBy < 0 && pci.ioEvents.length === 0 && random.chance(90) ? undefined : {},
  run(tenant, _args, world) {
    const call = (): number => signalListened(tenant, world);
    if (tenant.pci.ioEvents.length === 0) return call();
    return writing(tenant, world, !memoryUnknown(tenant) && memoryOn(tenant), call);
  },
};

/** Signals the eventfd that the kernel listens to. */
export function signalListened(tenant: Tenant, world: World): number {
  const { irqs } = tenant.pci;
  if (irqs.unmaskBy === LISTENED) {
    irqs.unmask();
    irqs.deferred = true;
  }
  world.checks.interrupts.writing(tenant, LISTENED);
  tenant.scratch.begin(8).setUint32(0, 1, true);
  return tenant.process.write(tenant.events[LISTENED]!.fd, tenant.scratch.put(8), 8);
}

/** What the signal sets going may still be queued when its hook is taken away: it is done before that returns, or never. */
const signalThen: Operation = {
  name: 'signal_then',
  needs: 'pci',
  args: ['takes'],
  weights: whileOpen(4),
  generate: (random, { pci, pending }) =>
    pci.irqs.type !== PCI_IRQ.INTX || pending > 0 ? undefined : { takes: random.below(2) },
  run(tenant, { takes }, world) {
    world.finish(tenant, unmaskBy.run(tenant, { event: LISTENED }, world, false));
    // A line that is up, and not yet served, is what queues work.
    raise.run(tenant, { vector: 0 }, world, false);
    signal.run(tenant, {}, world, false);
    return takes === 0
      ? disarm.run(tenant, { index: PCI_IRQ.INTX }, world, false)
      : unmaskBy.run(tenant, { event: -1 }, world, false);
  },
};

export const PCI_IRQS: readonly Operation[] = [arm, disarm, trigger, mask, unmaskBy, ofHost, signal, block, signalThen];
