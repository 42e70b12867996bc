/** Two calls of a tenant's threads beside each other: the second begins when the first has begun, and both are waited for. */

import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { Result } from '../../kernel/file.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';
import { littleEndian, writeConfig } from '../pci/config-write.ts';
import { setIrqs } from '../pci/set-irqs.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';

const { ACTION_TRIGGER, ACTION_MASK, ACTION_UNMASK, DATA_NONE, DATA_EVENTFD } = IRQ_SET;
const ON = COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER;

type Call = (tenant: Tenant, world: World, event: number, spawned: boolean) => Result;

const irqs =
  (flags: number, count: number, index?: number): Call =>
  (tenant, world, event, spawned) => {
    const { type } = tenant.pci.irqs;
    const at = index ?? (type === PCI_IRQ.NUM ? PCI_IRQ.INTX : type);
    const data = flags & DATA_EVENTFD ? [event % 2] : [];
    return setIrqs(tenant, world, { index: at, flags, start: 0, count, data }, spawned);
  };

const command =
  (value: number): Call =>
  (tenant, world, _event, spawned) =>
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

const beside: Operation = {
  name: 'beside',
  needs: 'pci',
  args: ['first', 'second', 'event'],
  weights: whileOpen(6),
  generate: (random, { pending }) =>
    pending > 0
      ? undefined
      : {
          first: random.below(CALLS.length),
          second: random.below(random.chance(70) ? 4 : CALLS.length),
          event: random.below(2),
        },
  run(tenant, { first, second, event }, world) {
    const one = CALLS[first! % CALLS.length]!(tenant, world, event!, true);
    if (typeof one !== 'number') {
      tenant.pending++;
      world.machine.kernel.scheduler.spawn('beside', underWay(tenant, one));
      // Up to where it first waits.
      world.machine.kernel.scheduler.step();
    }
    const two = world.finish(tenant, CALLS[second! % CALLS.length]!(tenant, world, event!, false));
    world.settle();
    return two;
  },
};

function* underWay(tenant: Tenant, call: Task<number>): Task<number> {
  const result = yield* call;
  tenant.pending--;
  return result;
}

export const BESIDE: readonly Operation[] = [beside];
