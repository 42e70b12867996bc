/** Defects of type1: mappings, charges, pages that emulated devices pin; and of groups that come and go. */
import { Domain } from '../../sim/iommu/domain.ts';
import { IommuGroup } from '../../src/kernel/iommu-group.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { Accounting } from '../../src/vfio/type1/accounting.ts';
import { Domains } from '../../src/vfio/type1/domains.ts';
import { ExternalAccess } from '../../src/vfio/type1/external.ts';
import { Type1Info } from '../../src/vfio/type1/info.ts';
import { MapDma } from '../../src/vfio/type1/map.ts';
import { Mappings } from '../../src/vfio/type1/mappings.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import { IovaRanges } from '../../src/vfio/type1/ranges.ts';
import { UnmapDma } from '../../src/vfio/type1/unmap.ts';
import { VaddrUpdate } from '../../src/vfio/type1/vaddr.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'type1';

export const TYPE1_DEFECTS: readonly Defect[] = [
  {
    id: 'T1-01',
    subject,
    title: 'no limit on the number of DMA mappings',
    reference: 'CVE-2019-3882, 492855939bdb',
    properties: ['resource bound'],
    plant: () =>
      patch(
        MapDma.prototype,
        'checkRange',
        (check) =>
          function (this: MapDma, start, length) {
            const result = check.call(this, start, length);
            return result === -ERRNO.ENOSPC ? 0 : result;
          },
      ),
  },
  {
    id: 'T1-02',
    subject,
    title: 'what was charged before exec is taken from the new address space',
    reference: 'CVE-2023-53171, 046eca5018f8',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Accounting.prototype,
        'uncharge',
        () =>
          function (this: Accounting, dma, pages) {
            dma.process.memory.lockedPages -= pages;
            dma.charged -= pages;
          },
      ),
  },
  {
    id: 'T1-03',
    subject,
    title: 'padding of a capability holds kernel memory',
    reference: 'CVE-2023-54137, cd24e2a60af6',
    properties: ['residual data'],
    plant: () =>
      patch(
        Type1Info.prototype,
        'ioctl',
        (ioctl) =>
          function (this: Type1Info, caller, argument) {
            const result = ioctl.call(this, caller, argument);
            // The four bytes behind the flags of the migration capability, as uncleared memory has them.
            const memory = caller.memory as unknown as { memory: { fill: number } };
            if (result === 0) caller.memory.write(argument + 36, new Uint8Array(4).fill(memory.memory.fill));
            return result;
          },
      ),
  },
  {
    id: 'T1-06',
    subject,
    title: 'unmapping a range that ends at the top of the address space finds nothing',
    reference: '6012379ede6a, 1196f1f897d4, ef270ec44637',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        UnmapDma.prototype,
        'unmap',
        (unmap) =>
          function (this: UnmapDma, request, bitmap, caller) {
            return request.iova + request.size === 1n << 48n ? 0 : unmap.call(this, request, bitmap, caller);
          },
      ),
  },
  {
    id: 'T1-08',
    subject,
    title: 'the page of a pin is worked out in 32 bits',
    reference: 'vfio: avoid possible overflow in vfio_iommu_type1_pin_pages',
    properties: ['DMA confinement'],
    plant: () => patch(ExternalAccess.prototype, 'addressOf', () => (iova, page) => (iova + page * 4096) % 2 ** 32),
  },
  {
    id: 'T1-10',
    subject,
    title: 'pages are let go while the translation stays',
    reference: 'report of 2018 on 4.18',
    // With the last group the page table goes, and only what was paid for is left.
    properties: ['DMA confinement', 'resource bound'],
    plant: () =>
      patch(Pinning.prototype, 'unmapAndUnpin', () => () => {
        /* the IOMMU is not told */
      }),
  },
  {
    id: 'XEN-01',
    subject,
    title: 'a device of reserved regions keeps the page table it was detached from',
    reference: 'CVE-2021-28702',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        IommuGroup.prototype,
        'attach',
        (attach) =>
          function (this: IommuGroup, domain) {
            const leaves = domain === this.iommu.blocked || domain === this.defaultDomain;
            const keeps = this.domain.kind === 'paging' && this.domain !== this.defaultDomain;
            if (!leaves || !keeps || this.reservedRegions.length === 0) attach.call(this, domain);
          },
      ),
  },
  {
    id: 'SPDK-10',
    subject,
    title: 'what ends where the range ends stays in use',
    reference: '5fd77e32a9',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Domain.prototype,
        'unmap',
        () =>
          function (this: Domain, start, length) {
            for (const mapping of this.mappings.within(start, length))
              if (mapping.start + mapping.length < start + length) this.mappings.remove(mapping);
          },
      ),
  },
  {
    id: 'LVU-02',
    subject,
    title: 'an unmap takes as much memory as its argsz says',
    reference: '75a0ac2, d8a08f1',
    properties: ['resource bound'],
    plant: () =>
      patch(
        UnmapDma.prototype,
        'ioctl',
        (ioctl) =>
          function (this: UnmapDma, caller, argument) {
            const head = caller.memory.copyIn(argument, 4);
            if (head !== undefined)
              caller.memory.copyIn(argument, new DataView(head.slice().buffer).getUint32(0, true));
            return ioctl.call(this, caller, argument);
          },
      ),
  },
  {
    id: 'AP-01',
    subject,
    title: 'a device that joins is held against the last of what is there, and not against all of it',
    reference: 'CVE-2024-26620, 850fb7fa8c68: a filter that looks at what is new only',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Domains.prototype,
        'reservedConflict',
        (conflict) =>
          function (this: Domains, regions) {
            const { state } = this as unknown as { state: { mappings: Mappings } };
            const last = state.mappings.all.at(-1);
            const met = regions.filter(
              ({ start, end }) => last !== undefined && last.start <= end && last.start + last.length > start,
            );
            return conflict.call(this, met);
          },
      ),
  },
  {
    id: 'T1-OWN-01',
    subject,
    title: 'a request that cuts a mapping takes all of it',
    reference: 'shape of vfio_dma_do_unmap without its check of the ends',
    properties: ['DMA confinement'],
    plant: () => patch(UnmapDma.prototype, 'bisects', () => () => false),
  },
  {
    id: 'T1-OWN-02',
    subject,
    title: 'only the start of a mapping is held against the ranges of the IOMMU',
    reference: 'shape of vfio_iommu_iova_dma_valid with one end',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        IovaRanges.prototype,
        'holds',
        (holds) =>
          function (this: IovaRanges, start) {
            return holds.call(this, start, 4096);
          },
      ),
  },
  {
    id: 'T1-OWN-03',
    subject,
    title: 'a mapping changes hands, and the old owner goes on paying',
    reference: 'shape of vfio_change_dma_owner without the second half',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Accounting.prototype,
        'handOver',
        (handOver) =>
          function (this: Accounting, dma, heir) {
            const { mm, charged } = dma;
            const result = handOver.call(this, dma, heir);
            if (result === 0 && dma.mm !== mm) mm.lockedPages += charged;
            return result;
          },
      ),
  },
  {
    id: 'T1-OWN-04',
    subject,
    title: 'a call that takes addresses away and fails leaves its marks',
    reference: 'shape of the unwinding of VFIO_DMA_UNMAP_FLAG_VADDR',
    properties: ['FSM legality', 'DMA confinement'],
    plant: () =>
      patch(
        VaddrUpdate.prototype,
        'invalidate',
        () =>
          function (this: VaddrUpdate, start, end) {
            const { state } = this as unknown as { state: { mappings: Mappings } };
            let bytes = 0;
            for (const dma of state.mappings.between(start, end)) {
              if (dma.vaddrInvalid) return -ERRNO.EINVAL;
              dma.vaddrInvalid = true;
              state.mappings.invalid++;
              bytes += dma.length;
            }
            return bytes;
          },
      ),
  },
  {
    id: 'T1-OWN-05',
    subject,
    title: 'one page more than the limit can be locked',
    reference: 'shape of a comparison with <= where < is meant',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Accounting.prototype,
        'room',
        (room) =>
          function (this: Accounting, process, mm) {
            return room.call(this, process, mm) + 1;
          },
      ),
  },
  {
    id: 'T1-OWN-06',
    subject,
    title: 'a pin that fails half-way keeps the pages before',
    reference: 'shape of vfio_iommu_type1_pin_pages without pin_unwind',
    properties: ['DMA confinement', 'resource bound'],
    plant: () => {
      let failing = false;
      const undo = patch(
        ExternalAccess.prototype,
        'pin',
        (pin) =>
          function (this: ExternalAccess, group, iova, count, write) {
            failing = true;
            const result = pin.call(this, group, iova, count, write);
            failing = false;
            return result;
          },
      );
      const back = patch(
        ExternalAccess.prototype,
        'unpin',
        (unpin) =>
          function (this: ExternalAccess, iova, count) {
            if (!failing) unpin.call(this, iova, count);
          },
      );
      return () => {
        back();
        undo();
      };
    },
  },
  {
    id: 'T1-OWN-07',
    subject,
    title: 'a group that joins while a mapping lies in its message window is taken',
    reference: 'shape of vfio_iommu_resv_conflict',
    properties: ['DMA confinement', 'resource bound'],
    plant: () => patch(Domains.prototype, 'reservedConflict', () => () => false),
  },
  {
    id: 'T1-OWN-08',
    subject,
    title: 'a page that is pinned and mapped is paid for twice',
    reference: 'shape of vfio_pin_page_external and the pfn list',
    properties: ['resource bound'],
    plant: () => patch(Accounting.prototype, 'pinnedCost', () => () => 0),
  },
  {
    id: 'T1-OWN-09',
    subject,
    title: 'entries that were given back do not count as free',
    reference: 'shape of dma_avail after vfio_remove_dma',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Mappings.prototype,
        'remove',
        (remove) =>
          function (this: Mappings, dma) {
            const { available } = this;
            remove.call(this, dma);
            this.available = available;
          },
      ),
  },
];
