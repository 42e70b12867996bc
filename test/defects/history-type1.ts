/** Shapes from the history of vfio_iommu_type1.c: device memory, who pays, groups that come, and dirty pages. */
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION } from '../../src/uapi/vfio.ts';
import { Accounting } from '../../src/vfio/type1/accounting.ts';
import { DirtyPages } from '../../src/vfio/type1/dirty.ts';
import type { Dma } from '../../src/vfio/type1/dma.ts';
import { Domains } from '../../src/vfio/type1/domains.ts';
import { ExternalAccess } from '../../src/vfio/type1/external.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import type { Type1State } from '../../src/vfio/type1/state.ts';
import { Type1 } from '../../src/vfio/type1/type1.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'type1';
const dma = ['DMA confinement'];
const bound = ['resource bound'];

/** What a class keeps for itself. */
interface Inside {
  readonly state: Type1State;
  readonly accounting: Accounting;
}
const inside = (of: object): Inside => of as unknown as Inside;

interface Words {
  readonly words: Map<number, bigint>;
  word(index: number): bigint;
  put(index: number, bits: bigint): void;
}

export const HISTORY_TYPE1_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-50',
    subject,
    title: 'device memory that is mapped from its middle is translated from its start',
    reference: '5cbf3264bc71: fix VA->PA translation for PFNMAP VMAs in vaddr_get_pfn',
    properties: dma,
    plant: () =>
      patch(
        Pinning.prototype,
        'mapRuns',
        (mapRuns) =>
          function (this: Pinning, domain, mapping, runs) {
            const vma = mapping.mm.all.find(({ start, length }) => {
              return start <= mapping.vaddr && mapping.vaddr < start + length;
            });
            const by = vma === undefined ? 0 : mapping.vaddr - vma.start;
            const moved = runs.map((run) => (run.charged ? run : { ...run, physical: run.physical - by }));
            return mapRuns.call(this, domain, mapping, moved);
          },
      ),
  },
  {
    id: 'HIST-OWN-51',
    subject,
    title: 'device memory is charged as if it were pinned',
    reference: 'shape of vfio_pin_pages_remote and is_invalid_reserved_pfn',
    properties: bound,
    plant: () =>
      patch(
        Accounting.prototype,
        'cost',
        () =>
          function (this: Accounting, mapping, runs) {
            return runs.reduce((pages, { length }) => pages + length / 4096, 0) - this.pinnedCost(mapping);
          },
      ),
  },
  {
    id: 'HIST-OWN-52',
    subject,
    title: 'the heir of a mapping has the privilege of who made it',
    reference: 'shape of vfio_change_dma_owner, 90fdd158a695: dma->lock_cap',
    properties: bound,
    plant: () =>
      patch(
        Accounting.prototype,
        'handOver',
        (handOver) =>
          function (this: Accounting, mapping, heir) {
            const { unlimited } = mapping;
            const result = handOver.call(this, mapping, heir);
            mapping.unlimited = unlimited;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-54',
    subject,
    title: 'a page that could not be pinned for an emulated device is taken for pinned',
    reference: '4ab4fcfce5b5: fix vaddr_get_pfns() return in vfio_pin_page_external()',
    properties: dma,
    plant: () =>
      patch(
        inner<{ pinPage(iova: number, write: boolean): number }>(ExternalAccess.prototype),
        'pinPage',
        (pinPage) =>
          function (this: object, iova, write) {
            const result = pinPage.call(this as never, iova, write);
            return result === -ERRNO.EFAULT ? 0 : result;
          },
      ),
  },
  {
    id: 'HIST-OWN-55',
    subject,
    title: 'pages that were pinned before one that cannot be stay charged',
    reference: 'shape of vfio_pin_pages_remote and its unpin_out, 0cfef2b7410b',
    properties: bound,
    plant: () =>
      patch(
        inner<{ pinFault(mapping: Dma): number }>(Pinning.prototype),
        'pinFault',
        (pinFault) =>
          function (this: object, mapping) {
            const result = pinFault.call(this as never, mapping);
            const first = mapping.mm.pin(mapping.vaddr, 4096, mapping.write)?.[0];
            if (first?.charged && result === -ERRNO.EFAULT) mapping.mm.lockedPages++;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-56',
    subject,
    title: 'a group joins while mappings are without an address',
    reference: 'shape of 487ace134053: block on invalid vaddr',
    properties: [...dma, 'FSM legality'],
    plant: () =>
      patch(
        Domains.prototype,
        'attach',
        (attach) =>
          function (this: Domains, group) {
            const { mappings } = inside(this).state;
            const { invalid } = mappings;
            mappings.invalid = 0;
            const result = attach.call(this, group);
            mappings.invalid = invalid;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-57',
    subject,
    title: 'the last page of a reserved region is not looked at when a group joins',
    reference: 'shape of vfio_iommu_resv_conflict, af029169b8fd',
    properties: dma,
    plant: () =>
      patch(
        Domains.prototype,
        'reservedConflict',
        (conflict) =>
          function (this: Domains, regions) {
            return conflict.call(
              this,
              regions.map((region) => ({ ...region, end: region.end - 4096 })),
            );
          },
      ),
  },
  {
    id: 'HIST-OWN-58',
    subject,
    title: 'a group joins whose IOMMU does not reach as high as what is mapped',
    reference: 'shape of vfio_iommu_aper_conflict, 9b77e5c79840',
    properties: [...dma, 'resource bound'],
    plant: () =>
      patch(
        Domains.prototype,
        'apertureConflict',
        (conflict) =>
          function (this: Domains, start) {
            return conflict.call(this, start, 2 ** 64);
          },
      ),
  },
  {
    id: 'HIST-OWN-59',
    subject,
    title: 'what an emulated device had pinned and gave back is told clean',
    reference: 'shape of cade075f265b: update_user_bitmap, vfio_unpin_page_external',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        inner<{ unpinPage(mapping: Dma, iova: number): void }>(ExternalAccess.prototype),
        'unpinPage',
        (unpinPage) =>
          function (this: object, mapping, iova) {
            unpinPage.call(this as never, mapping, iova);
            const bits = mapping.dirty as unknown as Words | undefined;
            const page = (iova - mapping.start) / 4096;
            const index = Math.floor(page / 64);
            if (!mapping.pinned.has(iova)) bits?.put(index, bits.word(index) & ~(1n << BigInt(page % 64)));
          },
      ),
  },
  {
    id: 'HIST-OWN-60',
    subject,
    title: 'dirty pages can be asked for in pages of any size that the IOMMU has',
    reference: 'shape of vfio_iommu_type1_dirty_pages: the smallest page size only',
    properties: ['dirty-tracking soundness', ...dma],
    plant: () =>
      patch(
        DirtyPages.prototype,
        'isPageSize',
        () =>
          function (this: DirtyPages, pageSize) {
            return (inside(this).state.pageSizes & pageSize) !== 0n;
          },
      ),
  },
  {
    id: 'HIST-OWN-61',
    subject,
    title: 'requests that do not snoop are told to be coherent, whatever is in the container',
    reference: 'shape of vfio_domains_have_enforce_cache_coherency, aa232499612d',
    properties: ['FSM legality', ...dma],
    plant: () =>
      patch(
        Type1.prototype,
        'extension',
        (ask) =>
          function (this: Type1, extension) {
            return extension === EXTENSION.DMA_CC_IOMMU ? 1 : ask.call(this, extension);
          },
      ),
  },
];
