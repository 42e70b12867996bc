/**
 * Two calls of a tenant's threads beside each other, and both are waited for: the second begins when the first has begun and waits, or
 * they go by an order of their own.
 */

import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { Result } from '../../kernel/file.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';
import { littleEndian, writeConfig } from '../pci/config-write.ts';
import { setIrqs } from '../pci/set-irqs.ts';
import type { Random } from '../random.ts';
import { anyOrder, ordered, unordered } from '../schedule.ts';
import type { Tenant } from '../tenant.ts';
import { leaveUnderWay } from '../under-way.ts';
import type { World } from '../world.ts';
import { type Args, type Operation, whileOpen } from './operation.ts';
import { raise } from './pci-events.ts';
import { anyIndex } from './pci-irqs.ts';

const { ACTION_TRIGGER, ACTION_MASK, ACTION_UNMASK, DATA_NONE, DATA_EVENTFD } = IRQ_SET;
const ON = COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER;

type Call = (tenant: Tenant, world: World, args: Args, spawned: boolean) => Result;

const irqs =
  (flags: number, count: number, fixed?: number): Call =>
  (tenant, world, { event, index }, spawned) => {
    const { type } = tenant.pci.irqs;
    const at = fixed ?? (type === PCI_IRQ.NUM ? index! : type);
    const data = flags & DATA_EVENTFD ? [event! % 2] : [];
    return setIrqs(tenant, world, { index: at, flags, start: 0, count, data }, spawned);
  };

const command =
  (value: number): Call =>
  (tenant, world, _args, spawned) =>
    writeConfig(tenant, world, PCI.COMMAND, littleEndian(value, 2), spawned);

/** What meets: setting up and taking down the active index, and the masks that configuration space and calls share. */
const CALLS: readonly Call[] = [
  irqs(DATA_EVENTFD | ACTION_TRIGGER, 1),
  irqs(DATA_NONE | ACTION_TRIGGER, 0),
  command(ON | COMMAND.INTX_DISABLE),
  command(ON),
  irqs(DATA_EVENTFD | ACTION_TRIGGER, 1, PCI_IRQ.ERR),
  irqs(DATA_NONE | ACTION_TRIGGER, 0, PCI_IRQ.ERR),
  irqs(DATA_NONE | ACTION_MASK, 1, PCI_IRQ.INTX),
  irqs(DATA_NONE | ACTION_UNMASK, 1, PCI_IRQ.INTX),
];

const likely = (random: Random): number => random.below(random.chance(80) ? 4 : CALLS.length);

const beside: Operation = {
  name: 'beside',
  needs: 'pci',
  args: ['first', 'second', 'event', 'index', 'raise', 'order'],
  weights: whileOpen(9),
  generate: (random, tenant) =>
    tenant.pending > 0
      ? undefined
      : {
          first: likely(random),
          second: likely(random),
          event: random.below(2),
          index: anyIndex(random, tenant),
          raise: random.chance(70) ? 1 : 0,
          order: random.chance(50) ? anyOrder(random) : 0,
        },
  run(tenant, args, world) {
    const { scheduler } = world.machine.kernel;
    const { order = 0 } = args;
    if (order > 0) ordered(scheduler, order);
    const one = CALLS[args['first']! % CALLS.length]!(tenant, world, args, true);
    if (typeof one !== 'number') {
      leaveUnderWay(world, tenant, 'beside', one);
      // Up to where it first waits.
      if (order === 0) scheduler.step();
    }
    const two = world.finish(tenant, CALLS[args['second']! % CALLS.length]!(tenant, world, args, false));
    world.settle();
    unordered(scheduler);
    // What they have made of the interrupt shows when one comes.
    if (args['raise'] === 1 && tenant.device !== undefined) raise.run(tenant, { vector: 0 }, world, false);
    return two;
  },
};

export const BESIDE: readonly Operation[] = [beside];
