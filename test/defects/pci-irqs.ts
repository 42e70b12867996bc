/** Defects of interrupts under vfio-pci-core. */

import { deref } from '../../sim/oops.ts';
import { DONE } from '../../sim/scheduler.ts';
import { HeaderHandler } from '../../src/pci-core/config/header.ts';
import { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { pci_intx } from '../../src/pci-core/host-device.ts';
import { HostIrq } from '../../src/pci-core/host-irq.ts';
import { HostMsi } from '../../src/pci-core/host-msi.ts';
import { HostMsix } from '../../src/pci-core/host-msix.ts';
import type { HostVectors } from '../../src/pci-core/host-vectors.ts';
import { Intx } from '../../src/pci-core/interrupts/intx.ts';
import { irqSetRules, readIrqSet } from '../../src/pci-core/interrupts/irq-set.ts';
import { Messages } from '../../src/pci-core/interrupts/messages.ts';
import { IRQ_ACTIONS } from '../../src/pci-core/interrupts/set-irqs.ts';
import { Virqfd } from '../../src/pci-core/interrupts/virqfd.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { IRQ_SET, PCI_IRQ, VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { patch, type Undo } from './patch.ts';

const CONFINEMENT = ['interrupt confinement'];
const subject = 'vfio-pci';
/** Time that passes between a look and what is done about it. */
const WINDOW = 1000;

const hostOf = ({ irqs }: VfioPciCoreDevice): HostVectors | undefined =>
  (irqs.messages as unknown as { host: HostVectors | undefined }).host;

const both = (...undo: Undo[]): Undo => {
  return () => {
    for (const one of undo.reverse()) one();
  };
};

export const PCI_IRQ_DEFECTS: readonly Defect[] = [
  {
    id: 'LVU-04',
    title: 'the last vector of a request is computed in 32 bits',
    subject,
    reference: 'libvfio-user: IRQ start and count',
    properties: [...CONFINEMENT, 'reset and liveness'],
    plant: () => patch(irqSetRules, 'inRange', () => (start, count, limit) => (start + count) >>> 0 <= limit),
  },
  {
    id: 'PCI-03',
    title: 'INTx is masked by what was set up when the write began',
    subject,
    reference: 'CVE-2024-26810, 810cd4bb5345',
    properties: [...CONFINEMENT, 'config-space confinement'],
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'write',
        (write) =>
          function (this: HeaderHandler, core, position, count, offset, value) {
            if (offset !== 4 && offset !== 5) return write.call(this, core, position, count, offset, value);
            const { intx } = core.irqs;
            const active = intx.isActive;
            return function* (this: HeaderHandler) {
              yield WINDOW;
              const masked = intx.isMasked;
              const result = write.call(this, core, position, count, offset, value) as number;
              // Nothing was active then, so only the function's own bit was written.
              if (!active && intx.isActive && core.irqs.virqDisabled) {
                (intx as unknown as { masked: boolean }).masked = masked;
                pci_intx(core.pdev, false);
              }
              return result;
            }.call(this);
          },
      ),
  },
  {
    id: 'PCI-05',
    title: 'an interrupt that comes while a line is set up masks it a second time',
    subject,
    reference: 'CVE-2024-27437, fe9a7082684e',
    properties: CONFINEMENT,
    plant: () =>
      both(
        patch(
          Intx.prototype,
          'enable',
          (enable) =>
            function (this: Intx, trigger) {
              const result = enable.call(this, trigger);
              const { core, line } = this as unknown as { core: VfioPciCoreDevice; line: { depth?: number } };
              if (result === 0 && !core.pci23 && this.isMasked && core.pdev.function.intx.asserted) line.depth = 2;
              return result;
            },
        ),
        patch(
          HostIrq.prototype,
          'enable',
          (enable) =>
            function (this: HostIrq & { depth?: number }) {
              this.depth = (this.depth ?? 1) - 1;
              if (this.depth <= 0) enable.call(this);
            },
        ),
      ),
  },
  {
    id: 'PCI-07',
    title: 'vectors are set in what was allocated when the call began',
    subject,
    reference: 'CVE-2026-46036, 670e8864b1a2',
    properties: [...CONFINEMENT, 'reset and liveness'],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_SET_IRQS, (handler) => (core, caller, argument) => {
        const set = readIrqSet(caller, argument, (index) => core.irqs.count(index));
        const stale = hostOf(core);
        if (typeof set === 'number' || stale === undefined || set.index !== core.irqs.type)
          return handler!(core, caller, argument);
        if ((set.flags & IRQ_SET.DATA_EVENTFD) === 0) return handler!(core, caller, argument);
        return (function* () {
          yield WINDOW;
          // What was looked up before has been freed.
          deref(hostOf(core) === stale ? stale : undefined, 'the vectors that were freed');
          return handler!(core, caller, argument) as number;
        })();
      }),
  },
  {
    id: 'PCI-08',
    title: 'an error is told by the eventfd that was there when it was detected',
    subject,
    reference: 'vfio/pci: fix racy on error and request eventfd ctx',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        VfioPciCoreDevice.prototype,
        'tellError',
        () =>
          function (this: VfioPciCoreDevice) {
            const { errTrigger, pdev } = this;
            pdev.scheduler.after(WINDOW, 'error', () => errTrigger?.signal());
          },
      ),
  },
  {
    id: 'LVU-06',
    title: 'errors and vectors share one list of eventfds',
    subject,
    reference: 'libvfio-user: one array of eventfds for all indexes',
    properties: CONFINEMENT,
    plant: () =>
      patch(IRQ_ACTIONS[PCI_IRQ.ERR]!, IRQ_SET.ACTION_TRIGGER, (action) => (core, caller, set) => {
        const result = action!(core, caller, set);
        if (result === 0 && core.irqs.intx.isActive) core.irqs.intx.setSignal(core.errTrigger);
        const { triggers } = core.irqs.messages as unknown as { triggers: Map<number, unknown> };
        if (result === 0 && core.errTrigger !== undefined && triggers.has(0)) triggers.set(0, core.errTrigger);
        return result;
      }),
  },
  {
    id: 'QEMU-08',
    title: 'messages are brought back from what was never kept',
    subject,
    reference: 'QEMU vfio/migration, d329f5032e17: configuration before what it depends on',
    properties: [...CONFINEMENT, 'reset and liveness'],
    plant: () =>
      patch(HostMsix.prototype as unknown as { remember(): void }, 'remember', () => () => {
        /* the table of before the reset is not known after it */
      }),
  },
  {
    id: 'PCI-OWN-01',
    title: 'an interrupt that is still pending when it is unmasked is not told again',
    subject,
    reference: 'vfio_pci_intx_unmask: the answer of the handler is dropped',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Intx.prototype,
        'unmask',
        () =>
          function (this: Intx) {
            this.unmaskHandler();
          },
      ),
  },
  {
    id: 'PCI-OWN-02',
    title: 'an eventfd that unmasks stays hooked when INTx is switched off',
    subject,
    reference: 'shape of b66574a3fb55: virqfd lifetime',
    properties: ['residual data', ...CONFINEMENT],
    plant: () => patch(Virqfd.prototype, 'disable', () => () => DONE),
  },
  {
    id: 'PCI-OWN-03',
    title: 'a vector that was disarmed keeps its handler',
    subject,
    reference: 'shape of vfio_msi_set_vector_signal without free_irq',
    properties: CONFINEMENT,
    plant: () =>
      both(
        patch(HostMsix.prototype, 'release', () => () => {}),
        patch(HostMsi.prototype, 'release', () => () => {}),
      ),
  },
  {
    id: 'PCI-OWN-04',
    title: 'vectors stay allocated when messages are switched off',
    subject,
    reference: 'shape of pci_free_irq_vectors missing',
    properties: ['resource bound'],
    plant: () =>
      patch(
        HostMsi.prototype,
        'shutdown',
        (shutdown) =>
          function (this: HostMsi) {
            const { vectors } = this as unknown as { vectors: unknown[] };
            vectors.splice(vectors.length > 1 ? 1 : 0);
            shutdown.call(this);
          },
      ),
  },
  {
    id: 'PCI-OWN-05',
    title: 'a vector is armed with the eventfd of its neighbour',
    subject,
    reference: 'shape of an index that starts at the wrong end',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Messages.prototype,
        'setBlock',
        (setBlock) =>
          function (this: Messages, caller, start, fds) {
            return setBlock.call(this, caller, start, [...fds].reverse());
          },
      ),
  },
  {
    id: 'PCI-OWN-06',
    title: 'INTx comes although the user disabled it',
    subject,
    reference: 'shape of virq_disabled not looked at (vfio_send_intx_eventfd)',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Intx.prototype,
        'enable',
        (enable) =>
          function (this: Intx, trigger) {
            const { core } = this as unknown as { core: VfioPciCoreDevice };
            const disabled = core.irqs.virqDisabled;
            core.irqs.virqDisabled = false;
            const result = enable.call(this, trigger);
            core.irqs.virqDisabled = disabled;
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-07',
    title: 'an automasked line is not masked at the host',
    subject,
    reference: 'shape of vfio_intx_handler without disable_irq_nosync',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Intx.prototype,
        'send',
        (send) =>
          function (this: Intx) {
            send.call(this);
            send.call(this);
          },
      ),
  },
];
