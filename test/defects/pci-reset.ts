/** Defects of resets, power and closing under vfio-pci-core. */

import { WaitQueue } from '../../sim/scheduler.ts';
import type { PciDevice } from '../../src/kernel/pci/device.ts';
import { tryResetFunction } from '../../src/kernel/pci/reset.ts';
import { ExpHandler } from '../../src/pci-core/config/exp.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { HostIrq } from '../../src/pci-core/host-irq.ts';
import { hotResetRules } from '../../src/pci-core/hot-reset-info.ts';
import { Interrupts } from '../../src/pci-core/interrupts/interrupts.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { IoEventFds } from '../../src/pci-core/ioeventfd.ts';
import { Power } from '../../src/pci-core/power.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'vfio-pci';
const D3HOT = 3;

interface FlrOfExp {
  resetThen(core: VfioPciCoreDevice, at: number, before: number, result: number): Generator<never, number>;
}

export const PCI_RESET_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-09',
    title: 'the number of devices of a hot reset starts from what was in memory',
    subject,
    reference: 'CVE-2024-41052, 5a88a3f67e37',
    properties: ['residual data', 'reset and liveness'],
    plant: () => patch(hotResetRules, 'count', () => (devices: readonly PciDevice[]) => devices.length + 2),
  },
  {
    id: 'LVU-07',
    title: 'a reset by its bit does not do what other resets do',
    subject,
    reference: 'libvfio-user 3eb7ff6',
    properties: ['reset and liveness', 'DMA confinement'],
    plant: () =>
      patch(
        ExpHandler.prototype as unknown as FlrOfExp,
        'resetThen',
        () =>
          function* (core, _at, _before, result) {
            yield* tryResetFunction(core.pdev);
            return result;
          } as FlrOfExp['resetThen'],
      ),
  },
  {
    id: 'LVU-12',
    title: 'interrupts of one user are left to the next',
    subject,
    reference: 'libvfio-user 0b722b7, c42ac84, b95c886',
    properties: ['residual data', 'interrupt confinement', 'resource bound'],
    plant: () =>
      patch(Interrupts.prototype, 'disable', () => () => {
        /* whoever comes next finds them */
      }),
  },
  {
    id: 'IOMMU-01',
    title: 'closing waits for a device that does not answer',
    subject,
    reference: 'CVE-2026-43130',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            // Its translation cache is to be emptied, and it sleeps.
            if (core.pdev.function.powerState === D3HOT) yield new WaitQueue('invalidation');
            yield* close!(core)!;
          },
      ),
  },
  {
    id: 'PCI-17',
    title: 'a PF sleeps while it has VFs',
    subject,
    reference: 'vfio/pci: Use a private flag to prevent power state change with VFs',
    properties: ['parent-interaction scope', 'noninterference', 'interrupt confinement'],
    plant: () =>
      patch(
        Power.prototype,
        'setState',
        (setState) =>
          function (this: Power, state) {
            const { core } = this as unknown as { core: VfioPciCoreDevice };
            const { sriovListed } = core;
            const { numVfs } = core.pdev;
            core.sriovListed = false;
            core.pdev.numVfs = 0;
            const result = setState.call(this, state);
            core.sriovListed = sriovListed;
            core.pdev.numVfs = numVfs;
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-20',
    title: 'a hot reset takes devices along that are not the caller’s',
    subject,
    reference: 'shape of vfio_pci_dev_set_hot_reset without the look at owners',
    properties: ['reset and liveness', 'noninterference'],
    plant: () => patch(hotResetRules, 'permitted', () => () => true),
  },
  {
    id: 'PCI-OWN-21',
    title: 'register writes by eventfd outlive the close',
    subject,
    reference: 'shape of vfio_pci_core_disable without its list of ioeventfds',
    properties: ['residual data', 'resource bound'],
    plant: () =>
      patch(IoEventFds.prototype, 'clear', () => () => {
        /* stay */
      }),
  },
  {
    id: 'PCI-OWN-22',
    title: 'low power leaves memory to whoever has it',
    subject,
    reference: 'shape of vfio_pci_runtime_pm_entry without zapping',
    properties: ['config-space confinement', 'DMA confinement'],
    plant: () =>
      patch(
        Power.prototype,
        'entry',
        () =>
          function (this: Power, wake) {
            if (this.engaged) return -22;
            const inner = this as unknown as { wake: typeof wake; users: number };
            this.engaged = true;
            inner.wake = wake;
            inner.users--;
            return 0;
          },
      ),
  },
  {
    id: 'PCI-OWN-23',
    title: 'a device that was closed stays in low power',
    subject,
    reference: 'shape of vfio_pci_core_disable without the end of low power',
    properties: ['residual data', 'resource bound', 'reset and liveness', 'interrupt confinement'],
    plant: () =>
      patch(
        Power.prototype as unknown as { leave(): void },
        'leave',
        (leave) =>
          function (this: Power) {
            const { core } = this as unknown as { core: VfioPciCoreDevice };
            if (core.vdev?.openCount === 1 && core.irqs.isNone) return;
            leave.call(this);
          },
      ),
  },
  {
    id: 'PCI-OWN-24',
    title: 'the answer of GET_INFO is written whole, whatever room there is',
    subject,
    reference: 'shape of copy_to_user with the size of the struct',
    properties: ['residual data'],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_GET_INFO, (handler) => (core, caller, argument) => {
        const result = handler!(core, caller, argument);
        if (result === 0) caller.memory.write(argument + 24, new Uint8Array(16).fill(0xee));
        return result;
      }),
  },
  {
    id: 'PCI-OWN-25',
    title: 'the host goes on listening to a line that was given back',
    subject,
    reference: 'shape of free_irq missing',
    properties: ['interrupt confinement', 'reset and liveness', 'residual data'],
    plant: () =>
      patch(HostIrq.prototype, 'free', () => () => {
        /* stays hooked */
      }),
  },
];
