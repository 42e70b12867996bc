/** Defects of vfio-pci-core and of what stands around it. */
import { InterruptController } from '../../sim/interrupts.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import { CAP } from '../../sim/pci/registers.ts';
import { ConfigLayout } from '../../src/pci-core/config/layout.ts';
import { CAPABILITIES, forgetLayouts } from '../../src/pci-core/index.ts';
import { irqSetRules } from '../../src/pci-core/interrupts/irq-set.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

export const PCI_DEFECTS: readonly Defect[] = [
  {
    id: 'PCI-01',
    title: 'start + count of SET_IRQS wraps in 32 bits',
    reference: 'CVE-2016-9083, CVE-2016-9084, 05692d7005a3',
    properties: ['interrupt confinement', 'reset and liveness'],
    plant: () => patch(irqSetRules, 'inRange', () => (start, count, limit) => (start + count) >>> 0 <= limit),
  },
  {
    id: 'PCI-23',
    title: 'a write over several fields is filtered by the first of them',
    subject: 'vfio-pci',
    reference: 'XSA-128, CVE-2015-4103',
    properties: ['config-space confinement', 'residual data', 'interrupt confinement'],
    plant: () =>
      patch(
        ConfigLayout.prototype,
        'writable',
        (writable) =>
          function (this: ConfigLayout, position, count) {
            const first = writable.call(this, position, 1);
            return count === 4 ? Math.imul(first, 0x0101_0101) >>> 0 : count === 2 ? first * 0x0101 : first;
          },
      ),
  },
  {
    id: 'PCI-OWN-26',
    title: 'a field the user may not write is passed through with its neighbours',
    reference: 'shape of a capability with raw writes',
    properties: ['config-space confinement'],
    plant: () => {
      const vendor = CAPABILITIES[CAP.VNDR]!.handler;
      const undo = patch(CAPABILITIES, CAP.MSIX, (row) => ({ ...row!, handler: vendor }));
      forgetLayouts();
      return () => {
        undo();
        forgetLayouts();
      };
    },
  },
  {
    id: 'MSI-FORGE',
    title: 'interrupt messages are not held against who sends them',
    reference: 'XSA-3, CVE-2011-1898: MSI trap injection without interrupt remapping',
    properties: ['interrupt confinement', 'noninterference', 'parent-interaction scope'],
    plant: () =>
      patch(
        InterruptController.prototype,
        'lookup',
        () =>
          function (this: InterruptController, _requester, data) {
            return (this as unknown as { table: ReturnType<InterruptController['lookup']>[] }).table[data];
          },
      ),
  },
  {
    id: 'DMA-RO',
    title: 'a mapping for reading is written through',
    reference: 'XSA-321: page table entries with more rights than asked for',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Domain.prototype,
        'translate',
        () =>
          function (this: Domain, iova) {
            return this.mappings.at(iova);
          },
      ),
  },
];
