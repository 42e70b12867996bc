import { PCI } from '../../sim/pci/registers.ts';
import { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { DmaBuf, DmaBufs } from '../../src/pci-core/dma-buf.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const LIVENESS = 'reset and liveness';
const subject = 'vfio-pci';
const _PAGE = 4096;

/** Fields of a device that a plant adds. */
type Marked = VfioPciCoreDevice & { kept?: Uint8Array };

export const HISTORY_SESSIONS_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-03',
    title: 'an open that fails keeps its device awake',
    subject,
    reference: 'shape of vfio_pci_core_enable without pm_runtime_put on an error (7ab5e10eda02)',
    properties: ['resource bound'],
    plant: () =>
      patch(
        vfioPciOps,
        'open_device',
        (open) =>
          function* (core) {
            const result = open!(core);
            const done = typeof result === 'number' ? result : yield* result;
            if (done < 0) core.power.get();
            return done;
          },
      ),
  },
  {
    id: 'HIST-OWN-19',
    title: 'a buffer that is made while memory is off has its memory',
    subject,
    reference: 'shape of vfio_pci_core_feature_dma_buf: revoked without __vfio_pci_memory_enabled',
    properties: ['DMA confinement', ...CONFINEMENT],
    plant: () =>
      patch(
        DmaBufs.prototype,
        'add',
        (add) =>
          function (this: DmaBufs, buffer) {
            buffer.move(false);
            add.call(this, buffer);
          },
      ),
  },
  {
    id: 'HIST-OWN-20',
    title: 'a buffer that is closed goes on holding its device',
    subject,
    reference: 'shape of vfio_pci_dma_buf_release without vfio_device_put_registration',
    properties: ['fd lifetime', 'resource bound', LIVENESS],
    plant: () =>
      patch(
        DmaBuf.prototype,
        'release',
        () =>
          function (this: DmaBuf) {
            const { core } = inner<{ core: VfioPciCoreDevice | undefined }>(this);
            core?.dmaBufs?.forget(this);
          },
      ),
  },
  {
    id: 'HIST-OWN-21',
    title: 'what a user wrote to its function is there for the next one',
    subject,
    reference: 'shape of vfio_pci_core_disable without pci_load_and_free_saved_state',
    properties: ['residual data', LIVENESS, 'noninterference'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            const { pdev } = core;
            const line = pdev.readConfig(PCI.CACHE_LINE_SIZE, 1);
            yield* close!(core)!;
            pdev.writeConfig(PCI.CACHE_LINE_SIZE, 1, line);
          },
      ),
  },
  {
    id: 'HIST-OWN-22',
    title: 'registers that exist in the shadow alone are the last user’s',
    subject,
    reference: 'shape of vfio_config_init that finds vconfig from before',
    properties: ['residual data', ...CONFINEMENT],
    plant() {
      const open = patch(
        vfioPciOps,
        'open_device',
        (open) =>
          function* (core: Marked) {
            const result = open!(core);
            const done = typeof result === 'number' ? result : yield* result;
            if (done === 0 && core.kept !== undefined) core.shadow.vconfig.set(core.kept, PCI.INTERRUPT_LINE);
            return done;
          },
      );
      const close = patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core: Marked) {
            core.kept = core.shadow.vconfig.slice(PCI.INTERRUPT_LINE, PCI.INTERRUPT_LINE + 1);
            yield* close!(core)!;
          },
      );
      return () => {
        close();
        open();
      };
    },
  },
  {
    id: 'HIST-OWN-25',
    title: 'an access that fails keeps its device awake',
    subject,
    reference: 'shape of vfio_pci_rw without pm_runtime_put on an error (7ab5e10eda02)',
    properties: ['resource bound', LIVENESS, ...INTERRUPTS],
    plant: () =>
      patch(vfioPciOps, 'read', (read) => (core, caller, address, count, position) => {
        const { engaged } = core.power;
        const result = read!(core, caller, address, count, position);
        if (!engaged || typeof result === 'number') return result;
        return (function* () {
          const done = yield* result;
          if (done < 0) core.power.get();
          return done;
        })();
      }),
  },
  {
    id: 'HIST-OWN-42',
    title: 'memory that a reset took away is not given back to importers',
    subject,
    reference: 'shape of vfio_pci_ioctl_reset without vfio_pci_dma_buf_move(false)',
    properties: [...CONFINEMENT, LIVENESS, 'noninterference', 'DMA confinement'],
    plant: () =>
      patch(
        VfioPciCoreDevice.prototype,
        'unrevoke',
        (unrevoke) =>
          function (this: VfioPciCoreDevice) {
            if (!this.memoryLock.locked) unrevoke.call(this);
          },
      ),
  },
];
