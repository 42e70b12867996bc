/** Defects of who may have a device reset, of its power, and of what it keeps or takes away too little of. */

import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { tryResetFunction } from '../../src/kernel/pci/reset.ts';
import { BarMappings } from '../../src/pci-core/bar-mappings.ts';
import { AfHandler } from '../../src/pci-core/config/af.ts';
import { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { DmaBuf } from '../../src/pci-core/dma-buf.ts';
import { Intx } from '../../src/pci-core/interrupts/intx.ts';
import { PCI_IOCTLS } from '../../src/pci-core/ioctl.ts';
import { IoEventFds } from '../../src/pci-core/ioeventfd.ts';
import { Power } from '../../src/pci-core/power.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { PCI_REGION, REGION_INFO_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { VfioCore } from '../../src/vfio/core.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const subject = 'vfio-pci';

export const PCI_KEPT_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-OWN-70',
    title: 'the user is not told that its device was woken',
    subject,
    reference: 'shape of 453e6c98f8c9: low power entry with wakeup',
    properties: ['interrupt confinement'],
    plant: () =>
      patch(
        Power.prototype,
        'entry',
        (entry) =>
          function (this: Power, _wake) {
            return entry.call(this, undefined);
          },
      ),
  },
  {
    id: 'PCI-OWN-71',
    title: 'low power is entered a second time',
    subject,
    reference: 'shape of vfio_pci_runtime_pm_entry without pm_runtime_engaged',
    properties: ['resource bound', 'reset and liveness', 'residual data', 'parent-interaction scope', ...CONFINEMENT],
    plant: () =>
      patch(
        Power.prototype,
        'entry',
        (entry) =>
          function (this: Power, wake) {
            this.engaged = false;
            return entry.call(this, wake);
          },
      ),
  },
  {
    id: 'PCI-OWN-72',
    title: 'a device that is closed in low power is not counted as used again',
    subject,
    reference: 'shape of vfio_pci_core_disable without vfio_pci_runtime_pm_exit',
    properties: ['resource bound', 'reset and liveness', 'residual data', 'interrupt confinement'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            core.power.engaged = false;
            yield* close!(core)!;
          },
      ),
  },
  {
    id: 'PCI-OWN-73',
    title: 'a function that was closed may still master the bus',
    subject,
    reference: '2f8b16a996da: vfio_pci_disable and pci_clear_master',
    properties: ['residual data', 'DMA confinement'],
    plant: () =>
      patch(
        vfioPciOps,
        'close_device',
        (close) =>
          function* (core) {
            yield* close!(core)!;
            const { pdev } = core;
            pdev.writeConfig(PCI.COMMAND, 2, pdev.readConfig(PCI.COMMAND, 2) | COMMAND.MASTER);
          },
      ),
  },
  {
    id: 'PCI-OWN-74',
    title: 'devices of others count as owned through the iommufd',
    subject,
    reference: 'shape of vfio_iommufd_get_dev_id with the wrong sign',
    properties: ['reset and liveness', 'noninterference'],
    plant: () =>
      patch(
        VfioCore.prototype,
        'deviceId',
        (deviceId) =>
          function (this: VfioCore, device, other) {
            return Math.max(0, deviceId.call(this, device, other));
          },
      ),
  },
  {
    id: 'PCI-OWN-75',
    title: 'any file proves that a group is the caller’s',
    subject,
    reference: 'shape of vfio_file_is_group missing',
    properties: ['reset and liveness', 'noninterference'],
    plant: () =>
      patch(
        VfioCore.prototype,
        'groupOfFile',
        (groupOfFile) =>
          function (this: VfioCore, file) {
            return groupOfFile.call(this, file) ?? [...this.registered][0]?.group?.iommuGroup;
          },
      ),
  },
  {
    id: 'PCI-OWN-76',
    title: 'a reset is answered, and not done',
    subject,
    reference: 'shape of a reset whose result is not looked at',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        PCI_IOCTLS,
        VFIO.DEVICE_RESET,
        (handler) =>
          (core, ...rest) =>
            core.power.userCount > 0 && core.resetWorks ? 0 : handler!(core, ...rest),
      ),
  },
  {
    id: 'PCI-OWN-77',
    title: 'unmasking turns an INTx on that the user disabled',
    subject,
    reference: 'shape of vfio_pci_intx_unmask_handler without virq_disabled',
    properties: ['interrupt confinement', ...CONFINEMENT],
    plant: () =>
      patch(
        Intx.prototype,
        'unmaskHandler',
        (unmask) =>
          function (this: Intx) {
            const { irqs } = (this as unknown as { core: VfioPciCoreDevice }).core;
            const { virqDisabled } = irqs;
            irqs.virqDisabled = false;
            const result = unmask.call(this);
            irqs.virqDisabled = virqDisabled;
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-78',
    title: 'of the mappings of a device one is taken away',
    subject,
    reference: '11c4cd07ba11: all vmas of a device',
    properties: [...CONFINEMENT, 'DMA confinement', 'reset and liveness'],
    plant: () =>
      patch(
        BarMappings.prototype,
        'zap',
        () =>
          function (this: BarMappings) {
            const { present } = this as unknown as { present: Set<{ isPresent: boolean }> };
            for (const mapping of present) {
              mapping.isPresent = false;
              present.delete(mapping as never);
              break;
            }
          },
      ),
  },
  {
    id: 'PCI-OWN-79',
    title: 'a buffer whose memory comes back is not told to its importers',
    subject,
    reference: 'shape of vfio_pci_dma_buf_move(false) missing',
    properties: ['DMA confinement', ...CONFINEMENT],
    plant: () => patch(VfioPciCoreDevice.prototype, 'unrevoke', () => () => {}),
  },
  {
    id: 'PCI-OWN-80',
    title: 'importers keep the memory of a buffer that is revoked',
    subject,
    reference: 'shape of dma_buf_move_notify missing',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        DmaBuf.prototype,
        'move',
        () =>
          function (this: DmaBuf, revoked) {
            (this as unknown as { taken: boolean }).taken = revoked;
          },
      ),
  },
  {
    id: 'PCI-OWN-81',
    title: 'there is no end of register writes by eventfd',
    subject,
    reference: '30656177c408: VFIO_PCI_IOEVENTFD_MAX',
    properties: ['resource bound'],
    plant: () =>
      patch(
        IoEventFds.prototype,
        'set',
        (set) =>
          function (this: IoEventFds, ...args) {
            const inner = this as unknown as { list: unknown[] };
            const all = inner.list;
            if (all.length < 1000) return set.apply(this, args);
            inner.list = [];
            const result = set.apply(this, args);
            inner.list = [...all, ...inner.list];
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-82',
    title: 'a reset by its conventional bit leaves memory to whoever has it',
    subject,
    reference: 'shape of vfio_af_config_write without its lock',
    properties: ['reset and liveness', 'DMA confinement', ...CONFINEMENT],
    plant: () =>
      patch(
        AfHandler.prototype as unknown as { resetThen(c: VfioPciCoreDevice, r: number): unknown },
        'resetThen',
        () =>
          function* (core: VfioPciCoreDevice, result: number) {
            yield* tryResetFunction(core.pdev);
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-83',
    title: 'regions that can be written are told to be for reading',
    subject,
    reference: 'shape of vfio_pci_ioctl_get_region_info',
    properties: CONFINEMENT,
    plant: () =>
      patch(vfioPciOps, 'get_region_info_caps', (info) => (core, index, into) => {
        const result = info!(core, index, into);
        if (index < PCI_REGION.ROM) into.flags &= ~REGION_INFO_FLAG.WRITE;
        return result;
      }),
  },
  {
    id: 'PCI-OWN-84',
    title: 'what comes back from D3hot is what was saved the first time',
    subject,
    reference: 'eadf88ecf6ac: pm_save that is not freed',
    properties: [...CONFINEMENT, 'interrupt confinement', 'reset and liveness'],
    plant: () =>
      patch(
        Power.prototype,
        'setState',
        (setState) =>
          function (this: Power, state) {
            const inner = this as unknown as { pmSave: unknown };
            const first = inner.pmSave;
            const result = setState.call(this, state);
            if (first !== undefined) inner.pmSave = first;
            return result;
          },
      ),
  },
];
