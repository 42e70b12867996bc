/** Low power: the tenant lets its device sleep, and is told who woke it. */
import { device_low_power_entry_with_wakeup, FEATURE, FEATURE_FLAG } from '../../uapi/vfio.ts';
import { busScope } from '../reference/resets.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';
import { WAKING } from './pci-irqs.ts';

const entry: Operation = {
  name: 'low_power',
  needs: 'pci',
  args: ['wakes'],
  weights: whileOpen(3),
  // A neighbour on the bus may wake the device: that is no news to be compared.
  generate: (random, tenant, world) => ({ wakes: watched(tenant, world) ? 0 : random.below(2) }),
  run(tenant, { wakes: wanted }, world) {
    const wakes = wanted !== 0 && !watched(tenant, world);
    const { pci, device, events } = tenant;
    const { at, size } = device_low_power_entry_with_wakeup;
    const feature = wakes ? FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP : FEATURE.LOW_POWER_ENTRY;
    const result = device!.feature(feature | FEATURE_FLAG.SET, wakes ? size : 0, (view, base) => {
      if (wakes) view.setInt32(base + at.wakeup_eventfd, events[WAKING]!.fd, true);
    });
    if (result !== 0) return result;
    pci.lowPower = true;
    pci.irqs.wake = wakes ? WAKING : -1;
    world.checks.dma.asleep(tenant);
    return 0;
  },
};

/** B, beside A on one bus. */
function watched(tenant: Tenant, { a, b, machine }: World): boolean {
  return tenant === b && busScope(tenant.fn!, machine.hardware.topology).includes(a.fn!);
}

const exit: Operation = {
  name: 'low_power_exit',
  needs: 'pci',
  args: [],
  weights: whileOpen(3),
  generate: (random, { pci }) => (pci.lowPower || random.chance(10) ? {} : undefined),
  run({ pci, device }) {
    const result = device!.feature(FEATURE.LOW_POWER_EXIT | FEATURE_FLAG.SET, 0);
    if (result !== 0) return result;
    pci.lowPower = false;
    pci.irqs.wake = -1;
    return 0;
  },
};

/** Who asks a second time is refused, and what was agreed the first time stands. */
const again: Operation = {
  ...entry,
  name: 'low_power_again',
  weights: whileOpen(5),
  generate: (_random, tenant, world) =>
    tenant.pci.lowPower && !watched(tenant, world) ? { wakes: tenant.pci.irqs.wake < 0 ? 1 : 0 } : undefined,
};

export const LOW_POWER: readonly Operation[] = [entry, exit, again];
