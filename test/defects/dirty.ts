/** Defects of dirty tracking, by whatever way it is asked for; and of monitors that ask. */

import { Domain } from '../../sim/iommu/domain.ts';
import { UserIovaBitmap } from '../../src/iommufd/iova-bitmap.ts';
import { GuestLog } from '../../src/lab/guest-log.ts';
import { DirtyPages } from '../../src/vfio/type1/dirty.ts';
import { DirtyBitmap } from '../../src/vfio/type1/dirty-bitmap.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import type { Type1State } from '../../src/vfio/type1/state.ts';
import { SAFEGUARDS } from '../../variants/mlx5/safeguards.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'type1';
const properties = ['dirty-tracking soundness'];
const stateOf = (dirty: DirtyPages): Type1State => (dirty as unknown as { state: Type1State }).state;

export const DIRTY_DEFECTS: readonly Defect[] = [
  {
    id: 'PDS-03',
    title: 'the dirty bitmap is indexed by the absolute address',
    reference: 'pds_vfio dirty.c, range start',
    properties,
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'set',
        (set) =>
          function (this: UserIovaBitmap, iova, length) {
            const base = (this as unknown as { iova: bigint }).iova;
            set.call(this, iova + base, length);
          },
      ),
  },
  {
    id: 'T1-05',
    subject,
    title: 'a group that leaves takes what it wrote with it',
    reference: 'd0a78f91761f',
    properties,
    plant: () =>
      patch(DirtyPages.prototype, 'markEverything', () => () => {
        /* only groups that are there count */
      }),
  },
  {
    id: 'T1-07',
    subject,
    title: 'the unwinding of an allocation frees another bitmap than it should',
    reference: '4518e5a60c7f',
    properties: [...properties, 'resource bound'],
    plant: () =>
      patch(
        DirtyPages.prototype,
        'unwind',
        () =>
          function (this: DirtyPages, _all, failed) {
            this.free(failed);
          },
      ),
  },
  {
    id: 'LVU-03',
    subject,
    title: 'mappings for reading have no bitmap, and are asked for it',
    reference: '0217487',
    properties,
    plant: () =>
      patch(
        DirtyPages.prototype,
        'allocate',
        (allocate) =>
          function (this: DirtyPages, dma) {
            return dma.write ? allocate.call(this, dma) : 0;
          },
      ),
  },
  {
    id: 'LVU-09',
    subject,
    title: 'what is mapped after tracking began is not tracked',
    reference: '6037d88, 4cc22bf',
    properties,
    plant: () =>
      patch(
        DirtyPages.prototype,
        'allocate',
        (allocate) =>
          function (this: DirtyPages, dma) {
            return stateOf(this).tracking ? 0 : allocate.call(this, dma);
          },
      ),
  },
  {
    id: 'LVU-14',
    subject,
    title: 'the bitmap of a mapping that goes stays',
    reference: '4d9f663',
    properties: ['resource bound'],
    plant: () =>
      patch(
        Pinning.prototype,
        'remove',
        () =>
          function (this: Pinning, dma) {
            this.unmapAndUnpin(dma);
            (this as unknown as { state: Type1State }).state.mappings.remove(dma);
          },
      ),
  },
  {
    id: 'QEMU-07',
    title: 'above the hole of the memory map another page is marked',
    reference: 'QEMU, dirty pages beyond 3 GiB, 2020',
    properties,
    plant: () =>
      patch(
        GuestLog.prototype,
        'memoryAt',
        (memoryAt) =>
          function (this: GuestLog, range, at) {
            return memoryAt.call(this, range, at) + (at >= 2 ** 32 ? 2 ** 30 : 0);
          },
      ),
  },
  {
    id: 'QEMU-11',
    title: 'one range from the lowest mapping to the highest is logged',
    reference: "QEMU 'Separate vfio-pci ranges', 9ef49775",
    properties,
    plant: () =>
      patch(GuestLog.prototype, 'rangesOf', () => (mappings) => {
        const [first, last] = [mappings[0], mappings.at(-1)];
        if (first === undefined || last === undefined) return [];
        return [{ iova: first.start, length: last.start + last.length - first.start, vaddr: first.vaddr }];
      }),
  },
  {
    id: 'QEMU-12',
    title: 'a log that was never started is read',
    reference: "QEMU 'Skip log_sync during migration SETUP state', 2023",
    properties: ['FSM legality'],
    plant: () => patch(SAFEGUARDS.TRACKING_STARTED, 'holds', () => () => true),
  },
  {
    id: 'CH-01',
    title: 'logging anew forgets what was not asked for',
    reference: 'cloud-hypervisor, issue 8567',
    properties,
    plant: () =>
      patch(
        GuestLog.prototype,
        'rearm',
        () =>
          function (this: GuestLog, tenant) {
            const stopped = tenant.device!.stopLogging();
            this.running = false;
            return stopped < 0 ? stopped : this.start(tenant);
          },
      ),
  },
  {
    id: 'IFD-10',
    subject: 'iommufd',
    title: 'the index in a bitmap is worked out with a shift of 32 bits',
    reference: 'CVE-2025-21724 e24c15510592, CVE-2025-40293 cb30dfa75d55',
    properties,
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'bitOf',
        () =>
          function (this: UserIovaBitmap, iova) {
            const { iova: base, shift } = this as unknown as { iova: bigint; shift: bigint };
            return Math.floor(Number(iova - base) / ((1 << Number(shift)) >>> 0));
          },
      ),
  },
  {
    id: 'DIRTY-OWN-01',
    subject: 'iommufd',
    title: 'pages of the second mapping of a range are not told',
    reference: 'shape of iopt_read_and_clear_dirty_data',
    properties,
    plant: () =>
      patch(
        Domain.prototype,
        'visitDirty',
        () =>
          function (this: Domain, start, length, clear, visit) {
            const mapping = this.mappings.within(start, length)[0];
            if (mapping === undefined) return;
            const to = Math.min(mapping.length, start + length - mapping.start);
            mapping.dirty?.visit(Math.max(0, start - mapping.start), to, clear, (offset, bytes) =>
              visit(mapping.start + offset, bytes),
            );
          },
      ),
  },
  {
    id: 'DIRTY-OWN-02',
    subject,
    title: 'the last page of a mapping is not marked',
    reference: 'shape of a bitmap that counts one too few',
    properties,
    plant: () =>
      patch(
        DirtyBitmap.prototype,
        'markAll',
        () =>
          function (this: DirtyBitmap) {
            this.mark(0, this.pages - 1);
          },
      ),
  },
  {
    id: 'DIRTY-OWN-03',
    subject: 'iommufd',
    title: 'a bit is set in the byte behind the one it belongs to',
    reference: 'shape of iova_bitmap_offset_to_index at borders of words',
    properties: [...properties, 'residual data', 'DMA confinement'],
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'bitOf',
        (bitOf) =>
          function (this: UserIovaBitmap, iova) {
            const bit = bitOf.call(this, iova);
            return bit % 8 === 7 ? bit + 1 : bit;
          },
      ),
  },
];
