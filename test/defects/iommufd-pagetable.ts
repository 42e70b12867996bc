/** Defects of an iommufd's address spaces: which IOVAs are free, what is mapped where, and what page tables show of it. */
import type { Domain } from '../../sim/iommu/domain.ts';
import type { Area } from '../../src/iommufd/area.ts';
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import { mapRules } from '../../src/iommufd/ioas-ioctls.ts';
import { AreaFiller } from '../../src/iommufd/page-table.ts';
import type { Pages } from '../../src/iommufd/pages.ts';
import { placing } from '../../src/iommufd/placement.ts';
import { Ranges } from '../../src/iommufd/ranges.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];

interface TableInner {
  split(this: IoPagetable, area: Area, at: bigint, offset: number): void;
  checkPiece(this: IoPagetable, pages: Pages, offset: number, prot: unknown): number;
  fillTable(this: IoPagetable, table: unknown): number;
}

export const IO_PAGETABLE_DEFECTS: readonly Defect[] = [
  {
    id: 'IFD-01',
    subject,
    title: 'aligning near the top of the address space wraps',
    reference: 'CVE-2024-47719 8f6887349b2f, CVE-2025-38688 b42497e3c0e7',
    properties: dma,
    plant: () =>
      patch(placing, 'alignUp', (alignUp) => (start, alignment) => BigInt.asUintN(64, alignUp(start, alignment))),
  },
  {
    id: 'IFD-02',
    subject,
    title: 'an address and a length that wrap are taken',
    reference: 'CVE-2023-54239, e4395701330f',
    properties: ['stream robustness', ...dma],
    plant: () => patch(mapRules, 'wraps', () => () => false),
  },
  {
    id: 'IFD-05',
    subject,
    title: 'the upper half of a mapping that was cut is missing in the second index',
    reference: 'CVE-2023-52801, e7250ab7ca49',
    properties: [...dma, 'fd lifetime', 'dirty-tracking soundness'],
    plant: () =>
      patch(
        inner<TableInner>(IoPagetable.prototype),
        'split',
        (split) =>
          function (area, at, offset) {
            split.call(this, area, at, offset);
            this.areas.first(at, at)!.hold = undefined;
          },
      ),
  },
  {
    id: 'IFD-16',
    subject,
    title: 'in a second page table the pages of a dma-buf pass for memory',
    reference: 'iommufd: Keep dmabuf PFNs MMIO when filling another domain, 2026',
    properties: dma,
    plant: () => {
      let filled = new WeakMap<Area, Domain>();
      const undo = patch(
        AreaFiller.prototype,
        'isDevice',
        (isDevice) =>
          function (this: AreaFiller, run) {
            const { area, domain } = this as unknown as { area: Area; domain: Domain };
            const first = filled.get(area) ?? domain;
            filled.set(area, first);
            return first === domain && isDevice.call(this, run);
          },
      );
      return () => {
        undo();
        filled = new WeakMap();
      };
    },
  },
  {
    id: 'IFD-OWN-01',
    subject,
    title: 'copies may write pages that were mapped for reading',
    reference: 'shape of iopt_insert_area without its check of pages->writable',
    properties: dma,
    plant: () => patch(inner<TableInner>(IoPagetable.prototype), 'checkPiece', () => () => 0),
  },
  {
    id: 'IFD-OWN-02',
    subject,
    title: 'a page table made later shows nothing of what was mapped before',
    reference: 'shape of iopt_fill_domain',
    properties: dma,
    plant: () => patch(inner<TableInner>(IoPagetable.prototype), 'fillTable', () => () => 0),
  },
  {
    id: 'IFD-OWN-03',
    subject,
    title: 'an address space keeps what a page table that has gone reserved',
    reference: 'shape of iopt_remove_reserved_iova',
    properties: dma,
    plant: () =>
      patch(Reserved.prototype, 'removeOwner', () => () => {
        /* nothing is free again */
      }),
  },
  {
    id: 'IFD-OWN-07',
    subject,
    title: 'a range that is allowed is not held against what is reserved',
    reference: 'shape of iopt_set_allow_iova',
    properties: dma,
    plant: () => patch(Reserved.prototype, 'touches', () => () => false),
  },
  {
    id: 'IFD-OWN-08',
    subject,
    title: 'the memory a device takes away stays translated',
    reference: 'shape of a dma-buf importer that ignores its move notification',
    properties: dma,
    plant: () =>
      patch(IoPagetable.prototype, 'revoke', () => () => {
        /* the page tables stay */
      }),
  },
  {
    id: 'IFD-OWN-10',
    subject,
    title: 'a mapping is found by its start only',
    reference: 'shape of an interval tree with a stale last',
    properties: dma,
    plant: () =>
      patch(
        Ranges.prototype,
        'first',
        () =>
          function (this: Ranges<{ start: bigint; last: bigint }>, start, last) {
            return this.all.find((range) => range.start >= start && range.start <= last);
          },
      ),
  },
];
