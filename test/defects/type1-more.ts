/** More defects of type1: what GET_INFO tells, groups that come and go, pages of emulated devices, and who pays. */
import { ERRNO } from '../../src/uapi/errno.ts';
import { VfioContainer } from '../../src/vfio/container.ts';
import type { InfoCap } from '../../src/vfio/info-caps.ts';
import { Accounting } from '../../src/vfio/type1/accounting.ts';
import { DirtyPages } from '../../src/vfio/type1/dirty.ts';
import { DirtyBitmap } from '../../src/vfio/type1/dirty-bitmap.ts';
import type { Dma } from '../../src/vfio/type1/dma.ts';
import { Domains } from '../../src/vfio/type1/domains.ts';
import { Type1Info } from '../../src/vfio/type1/info.ts';
import { Mappings } from '../../src/vfio/type1/mappings.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import type { IovaRanges } from '../../src/vfio/type1/ranges.ts';
import type { Type1State } from '../../src/vfio/type1/state.ts';
import { UnmapDma } from '../../src/vfio/type1/unmap.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'type1';
const dma = ['DMA confinement'];

export const MORE_TYPE1_DEFECTS: readonly Defect[] = [
  {
    id: 'T1-OWN-20',
    subject,
    title: 'what a group reserved stays reserved when it has left',
    reference: 'shape of vfio_iommu_resv_refresh, f45daadfe4b8',
    properties: dma,
    plant: () =>
      patch(
        inner<{ rangesOfRemaining(this: Domains): IovaRanges }>(Domains.prototype),
        'rangesOfRemaining',
        () =>
          function () {
            return (this as unknown as { state: Type1State }).state.ranges;
          },
      ),
  },
  {
    id: 'T1-OWN-21',
    subject,
    title: 'the ranges that GET_INFO tells end one byte too late',
    reference: 'shape of vfio_iommu_iova_build_caps and struct vfio_iova_range, whose end is inclusive',
    properties: dma,
    plant: () =>
      patch(
        Type1Info.prototype,
        'capabilities',
        (capabilities) =>
          function (this: Type1Info): InfoCap[] {
            const caps = capabilities.call(this);
            const ranges = caps[2]?.payload;
            if (ranges !== undefined) {
              const view = new DataView(ranges.buffer, ranges.byteOffset, ranges.byteLength);
              for (let at = 16; at < ranges.length; at += 16)
                view.setBigUint64(at, view.getBigUint64(at, true) + 1n, true);
            }
            return caps;
          },
      ),
  },
  {
    id: 'T1-OWN-22',
    subject,
    title: 'GET_INFO tells of page sizes that not every IOMMU has',
    reference: 'shape of vfio_update_pgsize_bitmap before 4644321fd3c1',
    properties: dma,
    plant: () =>
      patch(
        Type1Info.prototype,
        'ioctl',
        (ioctl) =>
          function (this: Type1Info, caller, argument) {
            const result = ioctl.call(this, caller, argument);
            if (result === 0) caller.memory.write(argument + 8, new Uint8Array(8).fill(0xff));
            return result;
          },
      ),
  },
  {
    id: 'T1-OWN-23',
    subject,
    title: 'addresses are taken away while emulated devices are there',
    reference: 'CVE-2023-53501, ef3a3f6a294b: exclude mdevs from VFIO_UPDATE_VADDR',
    properties: ['DMA confinement', 'FSM legality'],
    plant: () =>
      patch(
        UnmapDma.prototype,
        'unmap',
        (unmap) =>
          function (this: UnmapDma, request, bitmap, caller) {
            const { emulated } = (this as unknown as { state: Type1State }).state;
            const kept = [...emulated];
            emulated.clear();
            const result = unmap.call(this, request, bitmap, caller);
            for (const group of kept) emulated.add(group);
            return result;
          },
      ),
  },
  {
    id: 'T1-OWN-24',
    subject,
    title: 'a mapping that changes hands is not charged to the new owner',
    reference: '90fdd158a695: restore locked_vm',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Accounting.prototype,
        'handOver',
        (handOver) =>
          function (this: Accounting, mapping, heir) {
            const { mm, charged } = mapping;
            const result = handOver.call(this, mapping, heir);
            if (result === 0 && mapping.mm !== mm) heir.memory.lockedPages -= charged;
            return result;
          },
      ),
  },
  {
    id: 'T1-OWN-25',
    subject,
    title: 'pages that were pinned for reading are never given back',
    reference: 'shape of 873aefb376bb: unpin zero pages',
    properties: ['DMA confinement', 'resource bound'],
    plant: () =>
      patch(
        inner<{ unpin(this: Pinning, mapping: Dma): void }>(Pinning.prototype),
        'unpin',
        (unpin) =>
          function (mapping) {
            if (!mapping.write)
              for (const { physical } of mapping.runs) mapping.mm.keep({ physical, length: 4096, charged: true });
            unpin.call(this, mapping);
          },
      ),
  },
  {
    id: 'T1-OWN-26',
    subject,
    title: 'a page that stays pinned is clean once it was reported',
    reference: 'shape of vfio_dma_populate_bitmap, cd0bb41ea8b3',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(inner<{ seed(mapping: Dma): void }>(DirtyPages.prototype), 'seed', () => () => {
        /* it is written by somebody else */
      }),
  },
  {
    id: 'T1-OWN-27',
    subject,
    title: 'a new page table that cannot be filled leaves the pages of the mappings before pinned',
    reference: 'aae7a75a821a: add proper error unwind for vfio_iommu_replay',
    properties: ['DMA confinement', 'resource bound'],
    plant: () => {
      let replaying = false;
      const undo = patch(
        Pinning.prototype,
        'replay',
        (replay) =>
          function (this: Pinning, target) {
            replaying = true;
            const result = replay.call(this, target);
            replaying = false;
            return result;
          },
      );
      const back = patch(
        Pinning.prototype,
        'unmapAndUnpin',
        (unmapAndUnpin) =>
          function (this: Pinning, mapping) {
            if (!replaying) unmapAndUnpin.call(this, mapping);
          },
      );
      return () => {
        back();
        undo();
      };
    },
  },
  {
    id: 'T1-OWN-28',
    subject,
    title: 'what one mapping says in a word of the bitmap is overwritten by the next mapping',
    reference: 'shape of update_user_bitmap, 331e33d2960c',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(DirtyBitmap.prototype, 'merge', () => () => {
        /* the user's word is not read */
      }),
  },
  {
    id: 'T1-OWN-29',
    subject,
    title: 'an unmap of everything passes the mappings at the top of the address space over',
    reference: 'shape of c19650995374, 0f53afa12bae: VFIO_DMA_UNMAP_FLAG_ALL and its end',
    properties: dma,
    plant: () =>
      patch(
        Mappings.prototype,
        'between',
        (between) =>
          function (this: Mappings, start, end) {
            return between.call(this, start, Math.min(end, 2 ** 63));
          },
      ),
  },
  {
    id: 'T1-OWN-30',
    title: 'a group leaves its container while its device is open',
    reference: 'shape of container_users, 9446162e740a',
    properties: ['fd lifetime', 'DMA confinement', 'FSM legality'],
    plant: () => patch(VfioContainer.prototype, 'busy', () => () => false),
  },
  {
    id: 'T1-OWN-31',
    subject,
    title: 'a container says it can take addresses away where it refuses to',
    reference: 'ef3a3f6a294b: VFIO_UPDATE_VADDR is not supported with emulated devices',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        VfioContainer.prototype,
        'checkExtension',
        (check) =>
          function (this: VfioContainer, extension) {
            const result = check.call(this, extension);
            return extension === 10 && this.backend !== undefined ? 1 : result;
          },
      ),
  },
  {
    id: 'T1-OWN-32',
    subject,
    title: 'the size of an unmap that was refused is overwritten',
    reference: 'shape of vfio_iommu_type1_unmap_dma and its copy_to_user',
    properties: ['stream robustness', 'DMA confinement'],
    plant: () =>
      patch(
        UnmapDma.prototype,
        'ioctl',
        (ioctl) =>
          function (this: UnmapDma, caller, argument) {
            const result = ioctl.call(this, caller, argument);
            if (result === -ERRNO.EINVAL) caller.memory.write(argument + 16, new Uint8Array(8));
            return result;
          },
      ),
  },
];
