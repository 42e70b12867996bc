/** Shapes of further defects in the history of vfio-pci-core: interrupts, configuration space, BARs, power. */

import { Oops } from '../../sim/oops.ts';
import { AF, BAR, DEVCTL, EXP, MSIX_ENTRY, PCI, VPD, VPD_ADDR_F } from '../../sim/pci/registers.ts';
import { DONE } from '../../sim/scheduler.ts';
import type { BarAccess } from '../../src/kernel/pci/device.ts';
import { BarMapping } from '../../src/pci-core/bar-mappings.ts';
import { Bars } from '../../src/pci-core/bars.ts';
import { AfHandler } from '../../src/pci-core/config/af.ts';
import { ExpHandler } from '../../src/pci-core/config/exp.ts';
import { HeaderHandler } from '../../src/pci-core/config/header.ts';
import { VpdHandler } from '../../src/pci-core/config/vpd.ts';
import { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { DmaBuf, DmaBufs } from '../../src/pci-core/dma-buf.ts';
import { PCI_FEATURES } from '../../src/pci-core/feature.ts';
import { HostVpd } from '../../src/pci-core/host-vpd.ts';
import { Interrupts } from '../../src/pci-core/interrupts/interrupts.ts';
import { Intx } from '../../src/pci-core/interrupts/intx.ts';
import { Messages } from '../../src/pci-core/interrupts/messages.ts';
import { IRQ_ACTIONS } from '../../src/pci-core/interrupts/set-irqs.ts';
import { Virqfd } from '../../src/pci-core/interrupts/virqfd.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { IoEventFds } from '../../src/pci-core/ioeventfd.ts';
import { Power } from '../../src/pci-core/power.ts';
import { resetByUser } from '../../src/pci-core/reset.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, IRQ_SET, PCI_IRQ, VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const LIVENESS = 'reset and liveness';
const subject = 'vfio-pci';
const PAGE = 4096;

/** Fields of a device that a plant adds. */
type Marked = VfioPciCoreDevice & { kept?: Uint8Array; skipped?: boolean; disabledBefore?: boolean };

interface Work {
  dead: boolean;
  queued: boolean;
  unhook(): void;
}

export const HISTORY_PCI_DEFECTS: readonly Defect[] = [
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
    id: 'HIST-OWN-04',
    title: 'a mapping that does not begin at a large page shows the page before',
    subject,
    reference: 'shape of 35890e85573c, c1d9dac0db16: huge faults that are not aligned',
    properties: [...CONFINEMENT, 'noninterference'],
    plant: () =>
      patch(
        inner<{ start: number; access(offset: number, bytes: Uint8Array, write: boolean): void }>(BarMapping.prototype),
        'access',
        (access) =>
          function (this: { start: number }, offset, bytes, write) {
            access.call(this as never, offset - (this.start % (2 * PAGE)), bytes, write);
          },
      ),
  },
  {
    id: 'HIST-OWN-05',
    title: 'eight bytes are moved with their halves in the wrong places',
    subject,
    reference: 'shape of 2b938e3db335: ioread64 and iowrite64',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Bars.prototype,
        'registers',
        (registers) =>
          function (this: Bars, index) {
            const io = registers.call(this, index);
            return wide(io);
          },
      ),
  },
  {
    id: 'HIST-OWN-06',
    title: 'low power that is refused replaces the eventfd that tells of the end of it',
    subject,
    reference: 'shape of vfio_pci_runtime_pm_entry: pm_wake_eventfd_ctx before the look at pm_runtime_engaged',
    properties: [...INTERRUPTS, 'resource bound'],
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
    id: 'HIST-OWN-07',
    title: 'a token is read behind the end of its argument',
    subject,
    reference: 'shape of vfio_pci_core_feature_token: argsz that is not looked at',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        PCI_FEATURES,
        FEATURE.PCI_VF_TOKEN,
        (token) => (core, caller, flags, argument) => token!(core, caller, flags, argument, 16),
      ),
  },
  {
    id: 'HIST-OWN-08',
    title: 'asking whether a device can enter low power enters it',
    subject,
    reference: 'shape of vfio_check_feature whose answer is taken for an error only',
    properties: [...CONFINEMENT, ...INTERRUPTS],
    plant: () =>
      patch(
        PCI_FEATURES,
        FEATURE.LOW_POWER_ENTRY,
        (enter) =>
          (core, caller, flags, ...rest) =>
            enter!(core, caller, flags & FEATURE_FLAG.PROBE ? FEATURE_FLAG.SET : flags, ...rest),
      ),
  },
  {
    id: 'HIST-OWN-09',
    title: 'the upper half of a BAR of 64 bits reads as none',
    subject,
    reference: 'shape of vfio_bar_fixup: a BAR of 64 bits is two registers',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'read',
        (read) =>
          function (this: HeaderHandler, core, position, count, offset) {
            const value = read.call(this, core, position, count, offset);
            const upper = offset > PCI.BASE_ADDRESS_0 && offset < PCI.CARDBUS_CIS && offset % 4 === 0;
            return upper && (core.shadow.get(position - 4, 4) & 7) === BAR.MEM_64 ? 0 : value;
          },
      ),
  },
  {
    id: 'HIST-OWN-10',
    title: 'the enable bit of a ROM does not stay',
    subject,
    reference: 'shape of vfio_bar_fixup without PCI_ROM_ADDRESS_ENABLE in the mask',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'read',
        (read) =>
          function (this: HeaderHandler, core, position, count, offset) {
            const value = read.call(this, core, position, count, offset);
            return offset === PCI.ROM_ADDRESS ? (value & ~1) >>> 0 : value;
          },
      ),
  },
  {
    id: 'HIST-OWN-11',
    title: 'the table of messages has an entry less than it has',
    subject,
    reference: 'shape of msix_size from PCI_MSIX_FLAGS_QSIZE without one more',
    properties: INTERRUPTS,
    plant: () =>
      patch(
        Bars.prototype,
        'open',
        (open) =>
          function (this: Bars) {
            const { core } = inner<{ core: VfioPciCoreDevice }>(this);
            if (core.msixSize > 0) core.msixSize -= MSIX_ENTRY.SIZE;
            open.call(this);
          },
      ),
  },
  {
    id: 'HIST-OWN-12',
    title: 'of a register write by eventfd the first byte has to be in the BAR',
    subject,
    reference: 'shape of vfio_pci_ioeventfd: pos against the length, without count',
    properties: [...CONFINEMENT, LIVENESS],
    plant: () =>
      patch(
        IoEventFds.prototype,
        'set',
        (set) =>
          function (this: IoEventFds, caller, offset, data, width, fd) {
            const { core } = inner<{ core: VfioPciCoreDevice }>(this);
            const bar = Math.floor(offset / 2 ** core.offsetShift);
            const resource = core.pdev.resources[bar];
            if (resource === undefined || offset % 2 ** core.offsetShift >= resource.length)
              return set.call(this, caller, offset, data, width, fd);
            const { length } = resource;
            (resource as { length: number }).length += 8;
            const result = set.call(this, caller, offset, data, width, fd);
            (resource as { length: number }).length = length;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-13',
    title: 'the bit of a function level reset resets a function that has none',
    subject,
    reference: 'shape of vfio_exp_config_write without PCI_EXP_DEVCAP_FLR',
    properties: [LIVENESS],
    plant: () =>
      patch(
        ExpHandler.prototype,
        'write',
        (write) =>
          function (this: ExpHandler, core, position, count, offset, value) {
            const asked = offset <= EXP.DEVCTL && offset + count > EXP.DEVCTL + 1;
            const bit = asked && ((value >>> (8 * (EXP.DEVCTL - offset))) & DEVCTL.BCR_FLR) !== 0;
            const result = write.call(this, core, position, count, offset, value);
            if (!bit || typeof result !== 'number') return result;
            return (function* () {
              yield* resetByUser(core);
              return result;
            })();
          },
      ),
  },
  {
    id: 'HIST-OWN-14',
    title: 'vital product data that was read is never told to be there',
    subject,
    reference: 'shape of vfio_vpd_config_write (4e1a635552d3): PCI_VPD_ADDR_F',
    properties: [...CONFINEMENT, LIVENESS],
    plant: () =>
      patch(
        VpdHandler.prototype,
        'write',
        (write) =>
          function (this: VpdHandler, core, position, count, offset, value) {
            const result = write.call(this, core, position, count, offset, value);
            const at = position - offset + VPD.ADDR;
            core.shadow.set(at, 2, core.shadow.get(at, 2) & ~VPD_ADDR_F);
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-15',
    title: 'a write behind the end of vital product data is done',
    subject,
    reference: 'shape of pci_vpd_write without its bound (drivers/pci/vpd.c: pci_vpd_size)',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        HostVpd.prototype,
        'write',
        (write) =>
          function (this: HostVpd, at, value) {
            return write.call(this, at, value) || at % 4 === 0;
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
    id: 'HIST-OWN-26',
    title: 'the bit of a conventional function level reset is carried out, and stays',
    subject,
    reference: 'shape of vfio_af_config_write without clearing PCI_AF_CTRL_FLR',
    properties: [LIVENESS, ...CONFINEMENT],
    plant: () =>
      patch(
        AfHandler.prototype,
        'write',
        (write) =>
          function (this: AfHandler, core, position, count, offset, value) {
            const result = write.call(this, core, position, count, offset, value);
            if (offset === AF.CTRL && (value & 1) !== 0) core.shadow.set(position, 1, 1);
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-24',
    title: 'bytes behind the table of messages are taken from its place',
    subject,
    reference: 'shape of vfio_pci_core_do_io_rw: x_end without the offset that was filled',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Bars.prototype,
        'registers',
        (registers) =>
          function (this: Bars, index) {
            const io = registers.call(this, index);
            const { core } = inner<{ core: VfioPciCoreDevice }>(this);
            const end = core.msixOffset + core.msixSize;
            if (index !== core.msixBar) return io;
            const at = (offset: number): number =>
              offset >= end && offset < end + 16 ? offset - core.msixSize : offset;
            return {
              read: (offset, width) => io.read(at(offset), width),
              write: (offset, width, value) => io.write(offset, width, value),
            };
          },
      ),
  },
  {
    id: 'HIST-OWN-27',
    title: 'a byte is written as four',
    subject,
    reference: 'shape of vfio_pci_core_do_io_rw: the widths of accesses',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        Bars.prototype,
        'registers',
        (registers) =>
          function (this: Bars, index) {
            const io = registers.call(this, index);
            return {
              ...wide(io),
              ...io,
              write: (offset, width, value) => io.write(offset & ~3, width < 4 ? 4 : width, value),
            };
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
    id: 'HIST-OWN-51',
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
  {
    id: 'HIST-OWN-52',
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

/** Access of which the wide ones go wrong. */
function wide(io: BarAccess): BarAccess {
  return {
    read: (offset, width) => io.read(offset, width),
    write: (offset, width, value) => io.write(offset, width, value),
    read8: (offset) => [io.read(offset + 4, 4), io.read(offset, 4)],
    write8(offset, [low, high]) {
      io.write(offset, 4, high);
      io.write(offset + 4, 4, low);
    },
  };
}
