/** A reset that is under way, and what its user does meanwhile: it waits for the end, and is not lost. */
import { ERRNO } from '../../uapi/errno.ts';
import { VFIO } from '../../uapi/vfio.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import { leaveUnderWay } from '../under-way.ts';
import type { World } from '../world.ts';
import { IOEVENTFD_OPERATIONS } from './ioeventfd.ts';
import { type Operation, whileOpen } from './operation.ts';
import { raise } from './pci-events.ts';
import { LISTENED, PCI_IRQS, signalListened, writing } from './pci-irqs.ts';
import { PCI_REGIONS } from './pci-regions.ts';

const NAMES = new Set(['irq_arm', 'irq_disarm', 'bar_touch', 'bar_map']);
/** What may come while a function is being reset, besides a signal. */
const CALLS = [...PCI_IRQS, ...PCI_REGIONS].filter(({ name }) => NAMES.has(name));
const ioeventfd = IOEVENTFD_OPERATIONS.find(({ name }) => name === 'ioeventfd')!;
/** A register of the first BAR, which every function of the lab has. */
const PLACE = { bar: 0, offset: 0x80, width: 4, remove: 0 } as const;

const besideReset: Operation = {
  name: 'beside_reset',
  needs: 'pci',
  args: ['call', 'salt'],
  weights: whileOpen(3),
  generate: (random, tenant, world) =>
    // What a reset takes away it takes from its own user only: that is seen with A.
    tenant === world.a && !memoryUnknown(tenant) && tenant.fn!.powerState === 0 && !tenant.pci.lowPower
      ? { call: random.below(CALLS.length + 2), salt: random.bits() }
      : undefined,
  run(tenant, { call, salt }, world) {
    const operation = CALLS[call!];
    const { pci, device, process, fn } = tenant;
    // What was saved on the way to sleep comes back with the reset, and masks a line that was unmasked since; and so does
    // what was saved across the reset with one that is unmasked meanwhile.
    if (fn!.powerState !== 0 || (operation === undefined && pci.irqs.unmaskBy === LISTENED)) return -ERRNO.EBUSY;
    if (operation === undefined && pci.ioEvents.length === 0)
      ioeventfd.run(tenant, { ...PLACE, data: salt! % 4 }, world, false);
    const on = !memoryUnknown(tenant) && memoryOn(tenant);
    const reset = process.ioctlCall(device!.fd, VFIO.DEVICE_RESET, 0);
    if (typeof reset === 'number') return reset;
    leaveUnderWay(world, tenant, 'reset', ended(reset, tenant, world));
    // Up to where it waits for the function.
    world.machine.kernel.scheduler.step();
    // vfio_pci_ioeventfd_handler finds memory_lock taken, and vfio_pci_ioeventfd_thread waits for it: the write comes late.
    if (operation === undefined)
      return writing(tenant, world, on, () => {
        const result = signalListened(tenant, world);
        world.settle();
        return result;
      });
    const args = operation.generate(new Random(salt!), tenant, world);
    const result = args === undefined ? 0 : world.finish(tenant, operation.run(tenant, args, world, false));
    world.settle();
    // What has become of the interrupts shows when one comes.
    const armed = pci.irqs.messages.findIndex((event) => event >= 0);
    if (tenant.device !== undefined) raise.run(tenant, { vector: Math.max(0, armed) }, world, false);
    return result;
  },
};

function* ended(reset: Exclude<ReturnType<Tenant['process']['ioctlCall']>, number>, tenant: Tenant, world: World) {
  const result = yield* reset;
  if (result === 0) world.afterReset(tenant);
  return result;
}

export const BESIDE_RESET: readonly Operation[] = [besideReset];
