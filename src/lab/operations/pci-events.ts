/** What a PCI function and its host do by themselves: interrupts, errors. They are steps of the tenant whose function it is. */
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import { reportError } from '../../kernel/pci/aer.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_IRQ, PCI_REGION } from '../../uapi/vfio.ts';
import { MOST_VECTORS } from '../pci/irq-model.ts';
import type { Tenant } from '../tenant.ts';
import { type Operation, whileOpen } from './operation.ts';

const MODES: Readonly<Record<string, number>> = { msix: PCI_IRQ.MSIX, msi: PCI_IRQ.MSI };

/** The device interrupts, by whatever its registers say: the level of its line, or the message of a vector. */
export const raise: Operation = {
  name: 'raise',
  needs: 'pci',
  args: ['vector'],
  weights: whileOpen(9),
  generate: (random, { pci }) => {
    const armed = pci.irqs.messages.findIndex((event) => event >= 0);
    return { vector: armed >= 0 && random.chance(50) ? armed : random.below(random.chance(60) ? 2 : MOST_VECTORS) };
  },
  run(tenant, { vector }, world) {
    const { fn } = tenant;
    const { type } = tenant.pci.irqs;
    if (type !== PCI_IRQ.MSI && type !== PCI_IRQ.MSIX) return line(tenant, true);
    const due = expected(tenant, vector!);
    world.checks.interrupts.raising(tenant);
    if (fn!.interruptMode === 'intx') line(tenant, true);
    else fn!.raise(vector!);
    if (due) world.checks.interrupts.raised(tenant, vector!);
    return 0;
  },
};

/** Whether the message must arrive: set up, and nothing the user did stands in the way. */
function expected({ pci, fn, device, pending }: Tenant, vector: number): boolean {
  const { irqs, lowPower, lost } = pci;
  if (pending > 0 || irqs.unsure || irqs.silenced || lowPower || lost || fn!.powerState !== 0) return false;
  if ((irqs.messages[vector] ?? -1) < 0) return false;
  // A mode that is not the user's is the fault that is looked for.
  const command = device!.read(PCI_REGION.CONFIG, PCI.COMMAND, 2);
  return command >= 0 && (command & COMMAND.MASTER) !== 0;
}

function line({ fn }: Tenant, up: boolean): number {
  if (fn!.config.read(PCI.INTERRUPT_PIN, 1) === 0) return -ERRNO.ENODEV;
  fn!.intx.set(up, fn!.interruptMode);
  return MODES[fn!.interruptMode] ?? PCI_IRQ.INTX;
}

/** The device has been served: its line goes down. */
const lower: Operation = {
  name: 'lower',
  needs: 'pci',
  args: [],
  weights: whileOpen(3),
  generate: (_random, { fn }) => (fn!.config.read(PCI.INTERRUPT_PIN, 1) === 0 ? undefined : {}),
  run: (tenant) => line(tenant, false),
};

/** The function detects an error, and the host tells its driver. */
const error: Operation = {
  name: 'error',
  needs: 'pci',
  args: ['correctable'],
  weights: [1, 3, 3, 3, 3, 3, 3, 3],
  generate: (random, { fn }) =>
    fn!.capability(1, true) === 0 ? undefined : { correctable: random.chance(15) ? 1 : 0 },
  run(tenant, { correctable }, world) {
    const device = world.machine.kernel.bus.devices.get(tenant.bdf);
    if (device === undefined) return -ERRNO.ENODEV;
    const kind = correctable ? 'correctable' : 'uncorrectable';
    const { interrupts } = world.checks;
    if (!correctable) interrupts.telling(tenant, 'err');
    const reported = reportError(device, { kind, status: correctable ? 0x40 : 0x0010_0000 });
    if (reported) interrupts.toldOf(tenant);
    else interrupts.untold();
    return reported ? 1 : 0;
  },
};

export const PCI_EVENTS: readonly Operation[] = [raise, lower, error];
