/** Defects of configuration space and of the regions under vfio-pci-core. */

import { CAP, COMMAND, EXT_CAP, MSI } from '../../sim/pci/registers.ts';
import { VectorWindow } from '../../sim/pci/vector-window.ts';
import { BarMapping } from '../../src/pci-core/bar-mappings.ts';
import { Bars } from '../../src/pci-core/bars.ts';
import { EXT_CAPABILITIES } from '../../src/pci-core/config/ext-cap-table.ts';
import { DefaultHandler, raw, vendor } from '../../src/pci-core/config/handler.ts';
import { HeaderHandler } from '../../src/pci-core/config/header.ts';
import { HEADER } from '../../src/pci-core/config/header-table.ts';
import { MsiHandler } from '../../src/pci-core/config/msi.ts';
import type { PermissionRow } from '../../src/pci-core/config/row.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { CAPABILITIES, forgetLayouts } from '../../src/pci-core/index.ts';
import { Power } from '../../src/pci-core/power.ts';
import { vfio_pci_core_register_dev_region } from '../../src/pci-core/region.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { REGION_INFO_FLAG } from '../../src/uapi/vfio.ts';
import { resultOf } from '../../src/vfio/open.ts';
import type { Defect } from './defect.ts';
import { patch, type Undo } from './patch.ts';

const CONFINEMENT = ['config-space confinement'];
const subject = 'vfio-pci';

/** Replaces something that layouts are computed from. */
function relaid(undo: Undo): Undo {
  forgetLayouts();
  return () => {
    undo();
    forgetLayouts();
  };
}

/** Another row for a register of the header. */
function headerRow(name: string, change: Partial<PermissionRow>): Undo {
  const at = HEADER.findIndex((row) => row.name === name);
  return relaid(patch(HEADER, at, (row) => ({ ...row!, ...change })));
}

/** Other registers for a standard capability. */
function registersOf(id: number, change: (row: PermissionRow) => PermissionRow): Undo {
  return relaid(
    patch(CAPABILITIES, id, (row) => {
      const { registers = [] } = row!;
      const changed: typeof registers =
        typeof registers === 'function' ? (read) => registers(read).map(change) : registers.map(change);
      return { ...row!, registers: changed };
    }),
  );
}

/** More vectors than there can be: an earlier open of the device failed. */
const STALE = 0x77;

export const PCI_CONFIG_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-02',
    title: 'mappings stay when memory is switched off',
    subject,
    reference: 'CVE-2020-12888, abafbc551fdd',
    properties: [...CONFINEMENT, 'DMA confinement'],
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'beforeCommand',
        (before) =>
          function (this: HeaderHandler, core, value) {
            before.call(this, core, value | COMMAND.MEMORY);
          },
      ),
  },
  {
    id: 'PCI-25',
    title: 'COMMAND goes straight to the function',
    subject,
    reference: 'XSA-120, CVE-2015-2150',
    properties: [...CONFINEMENT, 'DMA confinement', 'interrupt confinement'],
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'write',
        () =>
          function (this: HeaderHandler, core, position, count, _offset, value) {
            return this.store(core, position, count, value);
          },
      ),
  },
  {
    id: 'PCI-10',
    title: 'a hidden first capability is looked up beyond the table of permissions',
    subject,
    reference: 'CVE-2024-53214, fe4bf8d0b671',
    properties: CONFINEMENT,
    // What lies behind the table is taken for a row of it.
    plant: () => patch(EXT_CAPABILITIES, 0xa5, () => ({ name: 'beyond', length: 0, handler: raw })),
  },
  {
    id: 'CORE-11',
    title: 'an open that runs out of memory half-way is told as done',
    subject,
    reference: 'CVE-2023-52570, c777b11d34e0',
    properties: [...CONFINEMENT, 'reset and liveness', 'fd lifetime', 'residual data'],
    plant: () =>
      patch(
        vfioPciOps,
        'open_device',
        (open) =>
          function* (core) {
            const result = yield* resultOf(open!(core));
            return result === -ERRNO.ENOMEM ? 0 : result;
          },
      ),
  },
  {
    id: 'PCI-22',
    title: 'permissions of MSI that were freed by an open that failed are used by the next one',
    subject,
    reference: 'vfio/pci: clear msi_perm after it was freed',
    properties: [...CONFINEMENT, 'interrupt confinement'],
    plant: () => {
      const open = patch(
        vfioPciOps,
        'open_device',
        (original) =>
          function* (core) {
            const result = yield* resultOf(original!(core));
            // Kept in a field that machines are brought back with.
            if (result < 0) core.msiQmax = STALE;
            return result;
          },
      );
      const write = patch(
        MsiHandler.prototype,
        'write',
        (original) =>
          function (this: MsiHandler, core, position, count, offset, value) {
            if (core.msiQmax === STALE) core.pdev.writeConfig(position, count, value);
            return original.call(this, core, position, count, offset, value);
          },
      );
      return () => {
        write();
        open();
      };
    },
  },
  {
    id: 'PCI-24',
    title: 'a page is trapped for a table that is shorter, and the index not checked',
    subject,
    reference: 'XSA-164, 569eac99e8dd',
    properties: ['interrupt confinement'],
    plant: () => {
      const covers = patch(
        VectorWindow.prototype,
        'covers',
        (original) =>
          function (this: VectorWindow, bar, offset) {
            return original.call(this, bar, offset) || original.call(this, bar, offset % 0x40);
          },
      );
      const write = patch(
        VectorWindow.prototype,
        'write',
        (original) =>
          function (this: VectorWindow, bar, offset, width, value) {
            const inside = offset % (16 * this.table.size);
            return original.call(this, bar, offset < 0x1000 ? inside : offset, width, value);
          },
      );
      return () => {
        write();
        covers();
      };
    },
  },
  {
    id: 'XE-03',
    title: 'the driver has no answer to what its regions are',
    subject,
    reference: 'xe vfio: region info after the split of the interface',
    properties: CONFINEMENT,
    plant: () => patch(vfioPciOps, 'get_region_info_caps', () => () => -ERRNO.EINVAL),
  },
  {
    id: 'NVG-01',
    title: 'a device without memory of its own is opened as one that has some',
    subject,
    reference: 'nvgrace-gpu: open of the fallback',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        vfioPciOps,
        'open_device',
        (open) =>
          function* (core) {
            const result = yield* resultOf(open!(core));
            const flags = REGION_INFO_FLAG.READ | REGION_INFO_FLAG.WRITE;
            if (result === 0) vfio_pci_core_register_dev_region(core, 1, 1, { rw: () => -ERRNO.EIO }, 0x1000, flags, 0);
            return result;
          },
      ),
  },
  {
    id: 'PCI-OWN-10',
    title: 'D3hot leaves mappings as they are',
    subject,
    reference: 'shape of 4d35a2a50de1: mappings in D3hot',
    properties: [...CONFINEMENT, 'DMA confinement'],
    plant: () =>
      patch(
        Power.prototype,
        'lockAndSetState',
        () =>
          function (this: Power, state) {
            this.setState(state);
          },
      ),
  },
  {
    id: 'PCI-OWN-11',
    title: 'a page fault does not ask whether memory is on',
    subject,
    reference: 'shape of abafbc551fdd without its half in the fault handler',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        BarMapping.prototype,
        'fault',
        () =>
          function (this: BarMapping) {
            (this as unknown as { core: VfioPciCoreDevice }).core.mappings.add(this);
            return true;
          },
      ),
  },
  {
    id: 'PCI-OWN-12',
    title: 'what was written to a BAR is shown as it was written',
    subject,
    reference: 'shape of vfio_bar_fixup missing',
    properties: CONFINEMENT,
    plant: () =>
      patch(
        HeaderHandler.prototype,
        'read',
        () =>
          function (this: HeaderHandler, core, position, count, offset) {
            return DefaultHandler.prototype.read.call(this, core, position, count, offset);
          },
      ),
  },
  {
    id: 'PCI-OWN-13',
    title: 'the address of a message is the user’s',
    subject,
    reference: 'shape of init_pci_cap_msi_perm with a bit less',
    properties: [...CONFINEMENT, 'interrupt confinement'],
    plant: () => registersOf(CAP.MSI, (row) => (row.at === MSI.ADDRESS_LO ? { ...row, virt: 0 } : row)),
  },
  {
    id: 'PCI-OWN-14',
    title: 'INTX_DISABLE is the user’s, and the host masks with it too',
    subject,
    reference: 'shape of COMMAND without its virtual bit',
    properties: [...CONFINEMENT, 'interrupt confinement', 'residual data'],
    plant: () => headerRow('COMMAND', { virt: 0 }),
  },
  {
    id: 'PCI-OWN-15',
    title: 'a BAR moves to where the user wants it',
    subject,
    reference: 'shape of BAR permissions without their virtual bits',
    properties: CONFINEMENT,
    plant: () => headerRow('BAR0', { virt: 0 }),
  },
  {
    id: 'PCI-OWN-16',
    title: 'the power state is written to the function before memory is taken away',
    subject,
    reference: 'shape of PMCSR with its state bits writable',
    properties: [...CONFINEMENT, 'parent-interaction scope', 'DMA confinement'],
    plant: () => registersOf(CAP.PM, (row) => (row.name === 'PMCSR' ? { ...row, write: 0xffff_7eff } : row)),
  },
  {
    id: 'PCI-OWN-17',
    title: 'the PF’s user switches its VFs off',
    subject,
    reference: 'shape of SR-IOV with raw writes',
    properties: CONFINEMENT,
    plant: () => relaid(patch(EXT_CAPABILITIES, EXT_CAP.SRIOV, (row) => ({ ...row!, handler: vendor }))),
  },
  {
    id: 'PCI-OWN-18',
    title: 'the user may have a page of which it has the half',
    subject,
    reference: 'shape of 05f0c03fbac1: sub-page BARs',
    properties: CONFINEMENT,
    plant: () => patch(Bars.prototype as unknown as { ownsPage(): boolean }, 'ownsPage', () => () => true),
  },
  {
    id: 'PCI-OWN-19',
    title: 'a hidden capability stays in the list',
    subject,
    reference: 'shape of vfio_cap_init without the link over what it hides',
    properties: CONFINEMENT,
    plant: () => relaid(patch(CAPABILITIES, CAP.SSVID, () => ({ name: 'SSVID', length: 8, handler: vendor }))),
  },
];
