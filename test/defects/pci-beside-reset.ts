/** Defects of what comes while a function is being reset. */
import type { Mutex } from '../../sim/mutex.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { Virqfd } from '../../src/pci-core/interrupts/virqfd.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'vfio-pci';
const ANY = ['reset and liveness', 'interrupt confinement', 'config-space confinement', 'residual data'];

/** Who looks finds memory_lock free, and finds it taken again when he has looked. */
function withMemoryUnlocked<R>({ memoryLock }: VfioPciCoreDevice, work: () => R): R {
  const lock = memoryLock as unknown as { held: boolean };
  const { held } = lock;
  lock.held = false;
  try {
    return work();
  } finally {
    lock.held = held;
  }
}

interface Queued {
  queued: boolean;
  readonly work: { readonly lock?: Mutex };
  inject(): void;
}

export const PCI_BESIDE_RESET_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-OWN-85',
    title: 'interrupts are set up while the function is being reset',
    subject,
    reference: 'shape of vfio_msi_set_vector_signal without vfio_pci_memory_lock_and_enable',
    properties: ANY,
    plant: () =>
      patch(
        PCI_IOCTLS,
        VFIO.DEVICE_SET_IRQS,
        (handler) => (core, caller, argument) => withMemoryUnlocked(core, () => handler(core, caller, argument)),
      ),
  },
  {
    id: 'PCI-OWN-86',
    title: 'a register write by eventfd that comes during a reset is lost',
    subject,
    reference: 'shape of vfio_pci_ioeventfd_handler without vfio_pci_ioeventfd_thread',
    properties: ANY,
    plant: () =>
      patch(
        inner<Queued>(Virqfd.prototype),
        'inject',
        (inject) =>
          function (this: Queued) {
            if (this.work.lock === undefined) inject.call(this);
            else this.queued = false;
          },
      ),
  },
];
