/** Shapes of further defects in the history of vfio-pci-core: interrupts. */

import { Oops } from '../../sim/oops.ts';
import { DONE } from '../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { Interrupts } from '../../src/pci-core/interrupts/interrupts.ts';
import { Intx } from '../../src/pci-core/interrupts/intx.ts';
import { Messages } from '../../src/pci-core/interrupts/messages.ts';
import { IRQ_ACTIONS } from '../../src/pci-core/interrupts/set-irqs.ts';
import { Virqfd } from '../../src/pci-core/interrupts/virqfd.ts';
import { Power } from '../../src/pci-core/power.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { IRQ_SET, PCI_IRQ } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const LIVENESS = 'reset and liveness';
const subject = 'vfio-pci';
const _PAGE = 4096;

interface Work {
  dead: boolean;
  queued: boolean;
  unhook(): void;
}

export const HISTORY_INTERRUPTS_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-01',
    title: 'work that an eventfd queued runs on the context of an interrupt that was freed',
    subject,
    reference: 'CVE-2024-26812, 18c198c96a81; shape of virqfd_shutdown without flush_work',
    properties: [LIVENESS, ...INTERRUPTS, ...CONFINEMENT],
    plant() {
      const disable = patch(
        Virqfd.prototype,
        'disable',
        () =>
          function (this: Virqfd) {
            const work = inner<Work>(this);
            work.dead = true;
            work.unhook();
            return DONE;
          },
      );
      const inject = patch(
        inner<{ inject(): void }>(Virqfd.prototype),
        'inject',
        (run) =>
          function (this: { inject(): void }) {
            const { dead, queued } = inner<Work>(this);
            if (dead && queued) throw new Oops('the context of an interrupt that was freed');
            run.call(this);
          },
      );
      return () => {
        inject();
        disable();
      };
    },
  },
  {
    id: 'HIST-OWN-02',
    title: 'a line that cannot be requested keeps its eventfd',
    subject,
    reference: 'CVE-2024-38632, 82b951e6fbd3: leak in vfio_intx_enable',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Intx.prototype,
        'enable',
        (enable) =>
          function (this: Intx, trigger) {
            const result = enable.call(this, trigger);
            if (result === -ERRNO.ENOMEM) this.setSignal(trigger);
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-06',
    title: 'low power that is refused replaces the eventfd that tells of the end of it',
    subject,
    reference: 'shape of vfio_pci_runtime_pm_entry: pm_wake_eventfd_ctx before the look at pm_runtime_engaged',
    properties: [...INTERRUPTS, 'resource bound', 'config-space confinement'],
    plant: () =>
      patch(
        Power.prototype,
        'entry',
        (entry) =>
          function (this: Power, wake) {
            const result = entry.call(this, wake);
            if (result < 0) inner<{ wake: typeof wake }>(this).wake = wake;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-16',
    title: 'a line that is masked is unmasked by another eventfd for it',
    subject,
    reference: 'shape of vfio_intx_set_signal: request_irq again without disable_irq',
    properties: INTERRUPTS,
    plant: () =>
      patch(
        Intx.prototype,
        'setSignal',
        (setSignal) =>
          function (this: Intx, trigger) {
            const result = setSignal.call(this, trigger);
            const { core, line } = inner<{ core: VfioPciCoreDevice; line: { enable(): void } | undefined }>(this);
            if (!core.pci23) line?.enable();
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-17',
    title: 'a block of vectors of which one fails leaves those before it armed',
    subject,
    reference: 'shape of vfio_msi_set_block: the unwinding that counts down from the wrong end',
    properties: INTERRUPTS,
    plant: () =>
      patch(
        Messages.prototype,
        'setBlock',
        () =>
          function (this: Messages, caller, start, fds) {
            for (const [i, fd] of fds.entries()) {
              const result = this.setSignal(caller, start + i, fd);
              if (result < 0) return result;
            }
            return 0;
          },
      ),
  },
  {
    id: 'HIST-OWN-18',
    title: 'the booleans of a request are counted from vector 0',
    subject,
    reference: 'shape of vfio_pci_set_msi_trigger: bools[i] for bools[i - start]',
    properties: [...INTERRUPTS, LIVENESS],
    plant: () =>
      patch(IRQ_ACTIONS[PCI_IRQ.MSI]!, IRQ_SET.ACTION_TRIGGER, (action) => (core, caller, set) => {
        const { data, start, flags } = set;
        if ((flags & IRQ_SET.DATA_BOOL) === 0 || data === undefined) return action!(core, caller, set);
        const shifted = new DataView(new ArrayBuffer(data.byteLength));
        for (let i = 0; start + i < data.byteLength; i++) shifted.setUint8(i, data.getUint8(start + i));
        return action!(core, caller, { ...set, data: shifted });
      }),
  },
  {
    id: 'HIST-OWN-23',
    title: 'INTx that a user disabled is disabled for the next one',
    subject,
    reference: 'shape of vfio_pci_core_disable without virq_disabled = false',
    properties: [...INTERRUPTS, 'residual data'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            const { virqDisabled } = core.irqs;
            yield* close!(core)!;
            core.irqs.virqDisabled = virqDisabled;
          },
      ),
  },
  {
    id: 'HIST-OWN-28',
    title: 'a user of a function without a line is shown the pin of one',
    subject,
    reference: '2c1ff8e2f5f5: virtualize zero INTx PIN if there is no pdev->irq',
    properties: [...INTERRUPTS, ...CONFINEMENT],
    plant: () =>
      patch(
        Interrupts.prototype,
        'count',
        (count) =>
          function (this: Interrupts, index) {
            return index === PCI_IRQ.INTX ? 1 : count.call(this, index);
          },
      ),
  },
  {
    id: 'HIST-OWN-29',
    title: 'INTx that is switched off stays masked for whoever sets it up again',
    subject,
    reference: 'shape of fe9a7082684e, 18c198c96a81: what a context keeps of the one before',
    properties: INTERRUPTS,
    plant: () =>
      patch(
        Intx.prototype,
        'enable',
        (enable) =>
          function (this: Intx, trigger) {
            const fields = inner<{ masked: boolean; core: VfioPciCoreDevice }>(this);
            const { masked, core } = fields;
            const { virqDisabled } = core.irqs;
            core.irqs.virqDisabled ||= masked;
            const result = enable.call(this, trigger);
            core.irqs.virqDisabled = virqDisabled;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-41',
    title: 'INTx is masked by the host’s end and by the function’s, and unmasked by one',
    subject,
    reference: 'shape of vfio_pci_intx_unmask_handler: pci_2_3 that changes with the open',
    properties: INTERRUPTS,
    plant: () =>
      patch(
        Intx.prototype,
        'mask',
        (mask) =>
          function (this: Intx) {
            const done = mask.call(this);
            if (done) inner<{ line: { disable(): void } | undefined }>(this).line?.disable();
            return done;
          },
      ),
  },
];
