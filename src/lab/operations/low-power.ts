/** Low power: the tenant lets its device sleep, and is told who woke it. */
import { device_low_power_entry_with_wakeup, FEATURE, FEATURE_FLAG } from '../../uapi/vfio.ts';
import { type Operation, whileOpen } from './operation.ts';

const entry: Operation = {
  name: 'low_power',
  needs: 'pci',
  args: ['event'],
  weights: whileOpen(3),
  generate: (random) => ({ event: random.chance(50) ? -1 : random.below(3) }),
  run(tenant, { event }, world) {
    const { pci, device, events } = tenant;
    const wakes = event! >= 0;
    const { at, size } = device_low_power_entry_with_wakeup;
    const feature = wakes ? FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP : FEATURE.LOW_POWER_ENTRY;
    const result = device!.feature(feature | FEATURE_FLAG.SET, wakes ? size : 0, (view, base) => {
      if (wakes) view.setInt32(base + at.wakeup_eventfd, events[event! % 3]!.fd, true);
    });
    if (result !== 0) return result;
    pci.lowPower = true;
    pci.irqs.wake = wakes ? event! % 3 : -1;
    world.checks.dma.asleep(tenant);
    return 0;
  },
};

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

export const LOW_POWER: readonly Operation[] = [entry, exit];
