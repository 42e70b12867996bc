/** Defects of vfio-pci-core: what users are told of a device, what they may ask of it, and what runs beside a reset. */

import { deref } from '../../sim/oops.ts';
import { CAP, COMMAND, MSI_FLAGS, PCI } from '../../sim/pci/registers.ts';
import type { Process } from '../../src/kernel/process.ts';
import { MsiHandler } from '../../src/pci-core/config/msi.ts';
import type { PermissionRow } from '../../src/pci-core/config/row.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { DeviceSet } from '../../src/pci-core/device-set.ts';
import { resetOwned } from '../../src/pci-core/hot-reset.ts';
import { isCdev } from '../../src/pci-core/hot-reset-info.ts';
import { CAPABILITIES, forgetLayouts } from '../../src/pci-core/index.ts';
import { Intx } from '../../src/pci-core/interrupts/intx.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { IoEventFds } from '../../src/pci-core/ioeventfd.ts';
import { __vfio_pci_memory_enabled } from '../../src/pci-core/memory-enabled.ts';
import { Power } from '../../src/pci-core/power.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { pci_hot_reset, VFIO } from '../../src/uapi/vfio.ts';
import { resultOf } from '../../src/vfio/open.ts';
import type { Defect } from './defect.ts';
import { patch, type Undo } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const subject = 'vfio-pci';

/** Does something to the device once it has been opened. */
const opened = (then: (core: VfioPciCoreDevice) => void): Undo =>
  patch(
    vfioPciOps,
    'open_device',
    (open) =>
      function* (core) {
        const result = yield* resultOf(open!(core));
        if (result === 0) then(core);
        return result;
      },
  );

/** A word of the user's memory. */
function word(caller: Process, address: number): number {
  const bytes = caller.memory.read(address, 4);
  return bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Other masks for a register of a standard capability. */
function registerOf(id: number, name: string, change: Partial<PermissionRow>): Undo {
  const undo = patch(CAPABILITIES, id, (row) => {
    const { registers = [] } = row!;
    const changed = (typeof registers === 'function' ? [] : registers).map((each) =>
      each.name === name ? { ...each, ...change } : each,
    );
    return { ...row!, registers: changed };
  });
  forgetLayouts();
  return () => {
    undo();
    forgetLayouts();
  };
}

export const PCI_MORE_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-OWN-40',
    title: 'half of the table of messages is taken for registers',
    subject,
    reference: 'shape of vfio_pci_bar_rw with the wrong end of the table',
    properties: [...INTERRUPTS, ...CONFINEMENT],
    plant: () =>
      opened((core) => {
        core.msixSize >>= 1;
      }),
  },
  {
    id: 'PCI-OWN-41',
    title: 'a VF is asked for a memory bit that VFs do not have',
    subject,
    reference: 'ebfa440ce38b: SR-IOV VFs after abafbc551fdd',
    properties: CONFINEMENT,
    plant: () =>
      opened(({ pdev, shadow }) => {
        if (!pdev.isVirtfn) return;
        (pdev as { noCommandMemory: boolean }).noCommandMemory = false;
        shadow.vconfig[PCI.COMMAND]! &= ~COMMAND.MEMORY;
      }),
  },
  {
    id: 'PCI-OWN-42',
    title: 'what was saved on the way to D3hot is not brought back',
    subject,
    reference: '51ef3a004b1e: restore device state on PM transition',
    properties: [...CONFINEMENT, ...INTERRUPTS, 'reset and liveness'],
    plant: () =>
      patch(
        Power.prototype,
        'probe',
        (probe) =>
          function (this: Power) {
            probe.call(this);
            this.needsRestore = false;
          },
      ),
  },
  {
    id: 'PCI-OWN-43',
    title: 'the user is shown that its function raises PME',
    subject,
    reference: '54918c28a8ae: virtualize PME related registers bits',
    properties: CONFINEMENT,
    plant: () => registerOf(CAP.PM, 'PMC', { virt: 0 }),
  },
  {
    id: 'PCI-OWN-44',
    title: 'INTx that is armed without an eventfd follows a pointer',
    subject,
    reference: 'CVE-2024-26812, 18c198c96a81',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Intx.prototype,
        'send',
        (send) =>
          function (this: Intx) {
            if (this.isActive) deref((this as unknown as { trigger?: object }).trigger, 'the trigger of INTx');
            send.call(this);
          },
      ),
  },
  {
    id: 'PCI-OWN-45',
    title: 'the list of groups of a hot reset may have any length',
    subject,
    reference: 'vfio/pci: bound the count of VFIO_DEVICE_PCI_HOT_RESET',
    properties: ['resource bound', 'reset and liveness'],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_PCI_HOT_RESET, (handler) => (core, caller, argument) => {
        const count = word(caller, argument + pci_hot_reset.at.count);
        // kcalloc, before anything is compared.
        if (count > 0 && !isCdev(core)) caller.copyFromUser(argument + pci_hot_reset.size, (4 * count) >>> 0);
        return handler!(core, caller, argument);
      }),
  },
  {
    id: 'PCI-OWN-46',
    title: 'a hot reset without groups is taken for one by an iommufd',
    subject,
    reference: 'c60f932043c0, a80e1de93215: hot reset with a list of no groups',
    properties: ['reset and liveness', 'noninterference'],
    plant: () =>
      patch(
        PCI_IOCTLS,
        VFIO.DEVICE_PCI_HOT_RESET,
        (handler) => (core, caller, argument) =>
          word(caller, argument + pci_hot_reset.at.count) === 0 && !isCdev(core)
            ? resetOwned(core, () => true)
            : handler!(core, caller, argument),
      ),
  },
  {
    id: 'PCI-OWN-47',
    title: 'the last close of one function resets the bus under its neighbour',
    subject,
    reference: '2cd8b14aaa66: the count of openers of a device set',
    properties: ['reset and liveness', 'noninterference'],
    plant: () => {
      const { prototype } = DeviceSet;
      const count = Object.getOwnPropertyDescriptor(prototype, 'openCount')!;
      Object.defineProperty(prototype, 'openCount', { ...count, get: () => 1 });
      return () => Object.defineProperty(prototype, 'openCount', count);
    },
  },
  {
    id: 'PCI-OWN-49',
    title: 'a register write by eventfd is found by its place alone',
    subject,
    reference: 'shape of vfio_pci_ioeventfd without data and width',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        IoEventFds.prototype,
        'set',
        (set) =>
          function (this: IoEventFds, caller, offset, data, width, fd) {
            const { list } = this as unknown as {
              list: { position: number; bar: number; data: bigint; width: number }[];
            };
            const [bar, position] = [Math.floor(offset / 2 ** 40), offset % 2 ** 40];
            const same = list.find((each) => each.bar === bar && each.position === position);
            return set.call(this, caller, offset, same?.data ?? data, same?.width ?? width, fd);
          },
      ),
  },
  {
    id: 'PCI-OWN-50',
    title: 'a register write by eventfd has the value of its first byte',
    subject,
    reference: 'shape of a width that falls through',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        IoEventFds.prototype,
        'set',
        (set) =>
          function (this: IoEventFds, caller, offset, data, width, fd) {
            const result = set.call(this, caller, offset, data, width, fd);
            const { list } = this as unknown as { list: { data: bigint; hook: { work: { handler(): boolean } } }[] };
            const last = list.at(-1);
            if (result === 0 && fd >= 0 && last !== undefined) {
              const { core } = this as unknown as { core: VfioPciCoreDevice };
              const fire = (): boolean => {
                const io = core.bars.registers(Math.floor(offset / 2 ** 40));
                if (!core.memoryLock.locked && __vfio_pci_memory_enabled(core))
                  io.write(offset % 2 ** 40, 1, Number(data & 0xffn));
                return false;
              };
              (last.hook as { work: unknown }).work = { handler: fire };
            }
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-52',
    title: 'a function in D3hot is reset without being woken',
    subject,
    reference: '26a17b12d7f3: wake-up devices around reset functions',
    properties: [...CONFINEMENT, 'reset and liveness', ...INTERRUPTS],
    plant: () =>
      patch(PCI_IOCTLS, VFIO.DEVICE_RESET, (handler) => (core, caller, argument) => {
        const { needsRestore } = core.power;
        core.power.needsRestore = false;
        const result = handler!(core, caller, argument);
        if (typeof result === 'number') {
          core.power.needsRestore = needsRestore;
          return result;
        }
        return (function* () {
          const done = yield* result;
          core.power.needsRestore = needsRestore;
          return done;
        })();
      }),
  },
  {
    id: 'PCI-OWN-53',
    title: 'who opened a VF is counted, and not who closed it',
    subject,
    reference: 'cc20d7999000: users of a VF token',
    properties: ['resource bound', 'fd lifetime'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            yield* close!(core)!;
            const token = core.sriovPfCoreDev?.vfToken;
            if (token !== undefined) token.users++;
          },
      ),
  },
  {
    id: 'PCI-OWN-54',
    title: 'the user switches MSI on by its own write',
    subject,
    reference: 'shape of vfio_msi_config_write without is_msi',
    properties: [...CONFINEMENT, ...INTERRUPTS],
    plant: () =>
      patch(
        MsiHandler.prototype,
        'limit',
        (limit) =>
          function (this: MsiHandler, core, flags) {
            return limit.call(this, core, flags) | (flags & MSI_FLAGS.ENABLE);
          },
      ),
  },
  {
    id: 'PCI-OWN-55',
    title: 'more messages than were set up can be turned on',
    subject,
    reference: 'shape of vfio_msi_config_write without msi_qmax',
    properties: [...CONFINEMENT, ...INTERRUPTS],
    plant: () =>
      patch(
        MsiHandler.prototype,
        'limit',
        (limit) =>
          function (this: MsiHandler, core, flags) {
            return (limit.call(this, core, flags) & ~MSI_FLAGS.QSIZE) | (flags & MSI_FLAGS.QSIZE);
          },
      ),
  },
];
