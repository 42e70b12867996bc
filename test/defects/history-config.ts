/** Shapes of further defects in the history of vfio-pci-core: configuration space, BARs and features. */

import { AF, BAR, DEVCTL, EXP, MSIX_ENTRY, PCI, VPD, VPD_ADDR_F } from '../../sim/pci/registers.ts';
import type { BarAccess } from '../../src/kernel/pci/device.ts';
import { BarMapping } from '../../src/pci-core/bar-mappings.ts';
import { Bars } from '../../src/pci-core/bars.ts';
import { AfHandler } from '../../src/pci-core/config/af.ts';
import { ExpHandler } from '../../src/pci-core/config/exp.ts';
import { HeaderHandler } from '../../src/pci-core/config/header.ts';
import { VpdHandler } from '../../src/pci-core/config/vpd.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { PCI_FEATURES } from '../../src/pci-core/feature.ts';
import { HostVpd } from '../../src/pci-core/host-vpd.ts';
import { IoEventFds } from '../../src/pci-core/ioeventfd.ts';
import { resetByUser } from '../../src/pci-core/reset.ts';
import { FEATURE, FEATURE_FLAG } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const INTERRUPTS = ['interrupt confinement'];
const LIVENESS = 'reset and liveness';
const subject = 'vfio-pci';
const PAGE = 4096;

export const HISTORY_CONFIG_DEFECTS: readonly Defect[] = [
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
