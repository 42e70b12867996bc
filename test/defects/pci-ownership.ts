/** Defects of who may have a device, a buffer, a descriptor. */
import { IommufdDevice } from '../../src/iommufd/device.ts';
import { IommuGroup } from '../../src/kernel/iommu-group.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { dmaBufRules } from '../../src/pci-core/dma-buf.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { VfioCore } from '../../src/vfio/core.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'vfio-pci';

/** The name alone, whatever token is behind it. */
const matchName = ({ pdev }: VfioPciCoreDevice, name: string): number => (name.split(' ')[0] === pdev.name ? 1 : 0);

/** Functions with one BAR, and their VFs. */
function ofSecondTable({ pdev }: VfioPciCoreDevice): boolean {
  const { bars } = (pdev.function.physical ?? pdev.function).template;
  return bars.filter((bar) => bar !== undefined).length === 1;
}

export const PCI_OWNERSHIP_DEFECTS: readonly Defect[] = [
  {
    id: 'CORE-05',
    title: 'a VF is bound to an iommufd without its token',
    subject,
    reference: '86624ba3b522',
    properties: ['parent-interaction scope', 'noninterference'],
    plant: () => patch(vfioPciOps, 'match_token_uuid', () => () => 0),
  },
  {
    id: 'CORE-06',
    title: 'a second table of operations, for functions with one BAR, lacks the look at the token',
    subject,
    reference: 'hisi_acc: match_token_uuid in one of two tables, fixes 86624ba3b522',
    properties: ['parent-interaction scope', 'noninterference'],
    plant() {
      const byToken = patch(
        vfioPciOps,
        'match_token_uuid',
        (match) => (core, token) => (ofSecondTable(core) ? 0 : match!(core, token)),
      );
      const byName = patch(
        vfioPciOps,
        'match',
        (match) => (core, name) => (ofSecondTable(core) ? matchName(core, name) : match!(core, name)),
      );
      return () => {
        byName();
        byToken();
      };
    },
  },
  {
    id: 'PCI-OWN-31',
    title: 'a VF is taken from its group without its token',
    subject,
    reference: 'shape of CORE-05, on the way of groups',
    properties: ['parent-interaction scope', 'noninterference'],
    plant: () => patch(vfioPciOps, 'match', () => matchName),
  },
  {
    id: 'CORE-08',
    title: 'debugfs shows a device that is gone',
    subject,
    reference: 'CVE-2026-64473, dc7fe87de492',
    properties: ['fd lifetime', 'residual data'],
    plant: () =>
      patch(VfioCore.prototype, 'hide', () => () => {
        /* is hidden later, or never */
      }),
  },
  {
    id: 'PCI-19',
    title: 'a BAR that the host kept is exported',
    subject,
    reference: 'CVE-2026-64042, 702809dabdec',
    properties: ['DMA confinement'],
    plant: () => patch(dmaBufRules, 'exportable', () => (core, bar) => (core.pdev.resources[bar]?.length ?? 0) > 0),
  },
  {
    id: 'PCI-20',
    title: 'a buffer without a descriptor is undone twice',
    subject,
    reference: 'vfio/pci: Fix double free in dma-buf feature',
    properties: ['fd lifetime', 'resource bound', 'reset and liveness'],
    plant: () =>
      patch(dmaBufRules, 'unwind', (unwind) => (buffer) => {
        const { core } = buffer as unknown as { core: VfioPciCoreDevice };
        unwind(buffer);
        core.registry?.put?.(core.vdev!);
      }),
  },
  {
    id: 'PCI-21',
    title: 'an importer attaches that can never be told to let go',
    subject,
    reference: 'vfio/pci: refuse pinned importers',
    properties: ['DMA confinement', 'fd lifetime'],
    plant: () =>
      patch(
        dmaBufRules,
        'attachable',
        () =>
          ({ peer2peer }) =>
            peer2peer ? 0 : -95,
      ),
  },
  {
    id: 'SPDK-11',
    title: 'what GET_REGION_INFO takes is never given back',
    subject,
    reference: 'SPDK fad37e0916',
    properties: ['fd lifetime', 'resource bound'],
    plant: () =>
      patch(vfioPciOps, 'get_region_info_caps', (info) => (core, index, into) => {
        core.registry?.get?.(core.vdev!);
        return info!(core, index, into);
      }),
  },
  {
    id: 'PDS-06',
    title: 'a device is attached, and never detached',
    subject,
    reference: 'pds_vfio: detach_ioas missing',
    properties: ['DMA confinement', 'reset and liveness', 'fd lifetime'],
    plant: () =>
      patch(IommufdDevice.prototype, 'detach', () => () => {
        /* the operation is not there */
      }),
  },
  {
    id: 'XEN-02',
    title: 'requests under another id keep the translation of before',
    subject,
    reference: 'CVE-2023-46839',
    properties: ['DMA confinement', 'noninterference'],
    plant: () =>
      patch(
        IommuGroup.prototype,
        'attach',
        (attach) =>
          function (this: IommuGroup, domain) {
            const all = this.devices.splice(0);
            for (const device of all) if (device.function.id === device.function.aliasId) this.devices.push(device);
            attach.call(this, domain);
            this.devices.splice(0, this.devices.length, ...all);
          },
      ),
  },
  {
    id: 'PCI-OWN-30',
    title: 'ranges of a buffer are not held against the BAR',
    subject,
    reference: 'shape of a total that is checked and parts that are not',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        dmaBufRules,
        'ranges',
        () => (_core, list) => list.map(({ offset, length }) => ({ offset: Number(offset), length: Number(length) })),
      ),
  },
];
