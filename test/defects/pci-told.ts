/** Defects in what vfio-pci-core tells its users of a device: what it has, and where things of it are. */

import { PCI } from '../../sim/pci/registers.ts';
import { Interrupts } from '../../src/pci-core/interrupts/interrupts.ts';
import { IRQ_ACTIONS } from '../../src/pci-core/interrupts/set-irqs.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import {
  DEVICE_FLAGS,
  device_info,
  IRQ_SET,
  irq_info,
  PCI_IRQ,
  PCI_REGION,
  pci_dependent_device,
  pci_hot_reset_info,
  VFIO,
} from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const subject = 'vfio-pci';

export const PCI_TOLD_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-OWN-60',
    title: 'the devices of a hot reset are told with their numbers in the wrong order',
    subject,
    reference: 'shape of vfio_pci_fill_devs',
    properties: ['reset and liveness', 'residual data', ...CONFINEMENT],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, (handler) => (core, caller, argument) => {
        const result = handler!(core, caller, argument);
        const { size, at } = pci_dependent_device;
        const first = argument + pci_hot_reset_info.size;
        if (result === 0) {
          const entry = caller.memory.read(first, size)!.slice();
          [entry[at.bus], entry[at.devfn]] = [entry[at.devfn]!, entry[at.bus]!];
          caller.memory.write(first, entry);
        }
        return result;
      }),
  },
  {
    id: 'PCI-OWN-62',
    title: 'a private mapping of device memory is granted',
    subject,
    reference: 'shape of vfio_pci_mmap without VM_SHARED',
    properties: CONFINEMENT,
    plant: () =>
      patch(vfioPciOps, 'mmap', (mmap) => (core, caller, request) => mmap!(core, caller, { ...request, shared: true })),
  },
  {
    id: 'PCI-OWN-63',
    title: 'the number of messages is the number that is on',
    subject,
    reference: 'shape of vfio_pci_get_irq_count with QSIZE for QMASK',
    properties: [...INTERRUPTS, ...CONFINEMENT],
    plant: () =>
      patch(
        Interrupts.prototype,
        'count',
        (count) =>
          function (this: Interrupts, index) {
            const all = count.call(this, index);
            return index === PCI_IRQ.MSI && all > 1 ? all / 2 : all;
          },
      ),
  },
  {
    id: 'PCI-OWN-64',
    title: 'messages that cannot grow are told to be able to',
    subject,
    reference: 'shape of vfio_pci_ioctl_get_irq_info: NORESIZE',
    properties: [...INTERRUPTS, ...CONFINEMENT],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_GET_IRQ_INFO, (handler) => (core, caller, argument) => {
        const result = handler!(core, caller, argument);
        if (result === 0) {
          const flags = caller.memory.read(argument + irq_info.at.flags, 4)!.slice();
          flags[0]! &= ~8;
          caller.memory.write(argument + irq_info.at.flags, flags);
        }
        return result;
      }),
  },
  {
    id: 'PCI-OWN-65',
    title: 'a reset is promised that the function does not have',
    subject,
    reference: 'shape of reset_works that is always true',
    properties: ['reset and liveness', ...CONFINEMENT],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_GET_INFO, (handler) => (core, caller, argument) => {
        const result = handler!(core, caller, argument);
        if (result === 0) {
          const flags = caller.memory.read(argument + device_info.at.flags, 4)!.slice();
          flags[0]! |= DEVICE_FLAGS.RESET;
          caller.memory.write(argument + device_info.at.flags, flags);
        }
        return result;
      }),
  },
  {
    id: 'PCI-OWN-66',
    title: 'looking at a ROM leaves its function decoding',
    subject,
    reference: 'shape of vfio_pci_memory_lock_and_enable without _unlock_and_restore',
    properties: CONFINEMENT,
    plant: () =>
      patch(vfioPciOps, 'get_region_info_caps', (info) => (core, index, into) => {
        const result = info!(core, index, into);
        if (index === PCI_REGION.ROM) core.pdev.writeConfig(PCI.COMMAND, 2, core.pdev.readConfig(PCI.COMMAND, 2) | 2);
        return result;
      }),
  },
  {
    id: 'PCI-OWN-67',
    title: 'taking the eventfd of errors back takes that of requests',
    subject,
    reference: 'shape of vfio_pci_set_ctx_trigger_single with the wrong context',
    properties: INTERRUPTS,
    plant: () =>
      patch(IRQ_ACTIONS[PCI_IRQ.ERR]!, IRQ_SET.ACTION_TRIGGER, (action) => (core, caller, set) => {
        const result = action!(core, caller, set);
        if (result === 0 && (set.flags & IRQ_SET.DATA_NONE) !== 0 && set.count === 0) core.reqTrigger = undefined;
        return result;
      }),
  },
  {
    id: 'PCI-OWN-69',
    title: 'a hot reset that fails leaves the lock of the first of its devices',
    subject,
    reference: 'shape of vfio_pci_dev_set_hot_reset: what is undone when the second is in use',
    properties: ['reset and liveness', 'noninterference'],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_PCI_HOT_RESET, (handler) => (core, caller, argument) => {
        const result = handler!(core, caller, argument);
        if (typeof result === 'number') return result;
        return (function* () {
          const done = yield* result;
          if (done < 0 && !core.memoryLock.locked) core.memoryLock.tryLock();
          return done;
        })();
      }),
  },
];
