/** More defects of an iommufd: bitmaps in the user's memory, records of queues, arguments, and what queues live in. */
import { Domain } from '../../sim/iommu/domain.ts';
import { Iommu } from '../../sim/iommu/iommu.ts';
import type { Area } from '../../src/iommufd/area.ts';
import { FaultFile } from '../../src/iommufd/fault-file.ts';
import { HwQueue } from '../../src/iommufd/hw-queue.ts';
import { NestedHwpt } from '../../src/iommufd/hwpt.ts';
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import { UserIovaBitmap } from '../../src/iommufd/iova-bitmap.ts';
import { Pages } from '../../src/iommufd/pages.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import { Ucmd } from '../../src/iommufd/ucmd.ts';
import { Vdevice } from '../../src/iommufd/vdevice.ts';
import { Veventq, VeventqFile } from '../../src/iommufd/veventq.ts';
import type { Viommu } from '../../src/iommufd/viommu.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';
const dirty = ['dirty-tracking soundness'];
const queues = ['stream robustness', 'residual data'];

interface Marking {
  mark(this: UserIovaBitmap, at: number, offset: number, count: number): boolean;
}

export const MORE_IOMMUFD_DEFECTS: readonly Defect[] = [
  {
    id: 'IFD-OWN-20',
    subject,
    title: 'where a bitmap begins in its page is ignored',
    reference: '4bbcbc6ea2fa: consider page offset for the pages to be pinned',
    properties: [...dirty, 'stream robustness'],
    plant: () =>
      patch(
        inner<Marking>(UserIovaBitmap.prototype),
        'mark',
        (mark) =>
          function (at, offset, count) {
            const { address } = this as unknown as { address: number };
            return mark.call(this, at - (address % 4096), offset, count);
          },
      ),
  },
  {
    id: 'IFD-OWN-21',
    subject,
    title: 'bits behind the pinned page of a bitmap are lost',
    reference: '2780025e01e2: dynamic pinning on iova_bitmap_set',
    properties: dirty,
    plant: () => {
      let marks = 0;
      const undo = patch(
        UserIovaBitmap.prototype,
        'set',
        (set) =>
          function (this: UserIovaBitmap, iova, length) {
            marks = 0;
            set.call(this, iova, length);
          },
      );
      const back = patch(
        inner<Marking>(UserIovaBitmap.prototype),
        'mark',
        (mark) =>
          function (at, offset, count) {
            return marks++ === 0 && mark.call(this, at, offset, count);
          },
      );
      return () => {
        back();
        undo();
      };
    },
  },
  {
    id: 'IFD-OWN-22',
    subject,
    title: 'what was asked for without clearing is clear all the same',
    reference: 'shape of IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, 609848132c71',
    properties: dirty,
    plant: () =>
      patch(
        Domain.prototype,
        'visitDirty',
        (visit) =>
          function (this: Domain, start, length, _clear, visitor) {
            visit.call(this, start, length, true, visitor);
          },
      ),
  },
  {
    id: 'IFD-OWN-23',
    subject,
    title: 'a large page that was written is marked as one small page',
    reference: 'shape of iommu_dirty_bitmap_record and the size of the entry',
    properties: dirty,
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'set',
        (set) =>
          function (this: UserIovaBitmap, iova) {
            set.call(this, iova, 4096n);
          },
      ),
  },
  {
    id: 'IFD-OWN-24',
    subject,
    title: 'flags of an event are as memory was',
    reference: 'iommufd, 2025: initialize the flags of vevent in iommufd_viommu_report_event',
    properties: queues,
    plant: () =>
      patch(
        VeventqFile.prototype,
        'read',
        (read) =>
          function (this: VeventqFile, caller, address, length, position) {
            const result = read.call(this, caller, address, length, position);
            if (result > 0) caller.memory.write(address, new Uint8Array(4).fill(0xaa));
            return result;
          },
      ),
  },
  {
    id: 'IFD-OWN-25',
    subject,
    title: 'events that are lost have no numbers',
    reference: 'shape of iommufd_viommu_report_event and vEVENTQ sequence',
    properties: queues,
    plant: () =>
      patch(
        Veventq.prototype,
        'report',
        (report) =>
          function (this: Veventq, data) {
            const self = this as unknown as { sequence: number };
            const before = self.sequence;
            report.call(this, data);
            if (this.events.at(-1)?.data === undefined) self.sequence = before;
          },
      ),
  },
  {
    id: 'IFD-OWN-26',
    subject,
    title: 'each record of a group of page requests tells the address of the first',
    reference: 'shape of iommufd_compose_fault_message',
    properties: queues,
    plant: () =>
      patch(
        FaultFile.prototype,
        'read',
        (read) =>
          function (this: FaultFile, caller, address, length, position) {
            const result = read.call(this, caller, address, length, position);
            for (let at = 40; at < result; at += 40)
              caller.memory.write(address + at + 24, caller.memory.copyIn(address + 24, 8)!);
            return result;
          },
      ),
  },
  {
    id: 'IFD-OWN-27',
    subject,
    title: 'the reserved bytes of a page request are as memory was',
    reference: 'shape of iommufd_compose_fault_message without its clearing',
    properties: queues,
    plant: () =>
      patch(
        FaultFile.prototype,
        'read',
        (read) =>
          function (this: FaultFile, caller, address, length, position) {
            const result = read.call(this, caller, address, length, position);
            const { fill } = (caller.memory as unknown as { memory: { fill: number } }).memory;
            if (result > 0) caller.memory.write(address + 20, new Uint8Array(4).fill(fill));
            return result;
          },
      ),
  },
  {
    id: 'IFD-OWN-28',
    subject,
    title: 'an answer is as long as this kernel’s struct, and not as the user’s',
    reference: 'shape of iommufd_ucmd_respond without min_t',
    properties: ['stream robustness', 'residual data', ...dirty],
    plant: () =>
      patch(
        Ucmd.prototype,
        'respond',
        (respond) =>
          function (this: Ucmd) {
            const self = this as unknown as { userSize: number };
            self.userSize = this.view.byteLength;
            return respond.call(this);
          },
      ),
  },
  {
    id: 'IFD-OWN-29',
    subject,
    title: 'memory that a hardware queue lives in is unmapped',
    reference: 'shape of iopt_area.num_locks, 2025: iommufd/access: internal pins',
    properties: ['DMA confinement', 'fd lifetime'],
    plant: () =>
      patch(
        IoPagetable.prototype,
        'unmap',
        (unmap) =>
          function (this: IoPagetable, start, last) {
            const locked = this.areas.all
              .filter(({ locks }: Area) => locks > 0)
              .map((area) => [area, area.locks] as const);
            for (const [area] of locked) area.locks = 0;
            const result = unmap.call(this, start, last);
            for (const [area, locks] of locked) area.locks = locks;
            return result;
          },
      ),
  },
  {
    id: 'IFD-OWN-30',
    subject,
    title: 'a hardware queue that goes keeps its virtual IOMMU',
    reference: 'shape of iommufd_hw_queue_destroy',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        HwQueue.prototype,
        'destroy',
        (destroy) =>
          function (this: HwQueue) {
            const { viommu } = this as unknown as { viommu: { users: number } };
            destroy.call(this);
            viommu.users++;
          },
      ),
  },
  {
    id: 'IFD-OWN-31',
    subject,
    title: 'a page table in a virtual IOMMU does not hold it',
    reference: 'shape of iommufd_viommu_alloc_hwpt_nested and hwpt_nested->viommu',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        NestedHwpt.prototype,
        'destroy',
        (destroy) =>
          function (this: NestedHwpt) {
            destroy.call(this);
            if (this.base.kind === 'viommu') this.base.users++;
          },
      ),
  },
  {
    id: 'IFD-OWN-34',
    subject,
    title: 'a guest’s entry that aborts passes everything on',
    reference: 'shape of arm_smmu_make_nested_domain_ste',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Domain.prototype,
        'nest',
        (nest) =>
          function (this: Domain, second, stage) {
            nest.call(this, second, stage.kind === 'abort' ? { kind: 'bypass' } : stage);
          },
      ),
  },
  {
    id: 'IFD-OWN-35',
    subject,
    title: 'a virtual device that goes is still the guest’s to name',
    reference: 'shape of iommufd_vdevice_destroy and its xa_cmpxchg',
    properties: ['fd lifetime', 'stream robustness', 'DMA confinement'],
    plant: () =>
      patch(
        Vdevice.prototype,
        'destroy',
        (destroy) =>
          function (this: Vdevice) {
            const { viommu } = this as unknown as { viommu: Viommu };
            destroy.call(this);
            viommu.vdevices.set(this.virtualId, this);
          },
      ),
  },
  {
    id: 'IFD-OWN-36',
    subject,
    title: 'a PASID that is detached stays translated',
    reference: 'shape of iommufd_device_pasid_detach, 2025',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Iommu.prototype,
        'attachPasid',
        (attach) =>
          function (this: Iommu, requester, pasid, domain) {
            if (domain !== undefined) attach.call(this, requester, pasid, domain);
          },
      ),
  },
  {
    id: 'IFD-OWN-32',
    subject,
    title: 'regions of a second device replace those of the first where they are the same',
    reference: 'shape of iopt_reserve_iova and overlapping owners',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        Reserved.prototype,
        'add',
        (add) =>
          function (this: Reserved, start, last, owner) {
            const { list } = this as unknown as { list: { start: bigint; last: bigint }[] };
            return list.some((range) => range.start === start && range.last === last)
              ? 0
              : add.call(this, start, last, owner);
          },
      ),
  },
  {
    id: 'IFD-OWN-33',
    subject,
    title: 'the upper half of a mapping that was cut is held from a page too early on',
    reference: 'shape of iopt_area_split, e7250ab7ca49',
    properties: ['DMA confinement', 'resource bound'],
    plant: () =>
      patch(
        Pages.prototype,
        'split',
        (split) =>
          function (this: Pages, hold, at) {
            const [lower, upper] = split.call(this, hold, at);
            return [lower, { ...upper, first: upper.first - 1 }];
          },
      ),
  },
];
