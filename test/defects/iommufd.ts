/** Defects of iommufd: address spaces, pages, page tables, objects and queues; and of requests on their way. */

import { Fabric } from '../../sim/fabric.ts';
import type { Domain } from '../../sim/iommu/domain.ts';
import { Access } from '../../src/iommufd/access.ts';
import { Account } from '../../src/iommufd/accounting.ts';
import type { Area } from '../../src/iommufd/area.ts';
import { FaultFile } from '../../src/iommufd/fault-file.ts';
import { FaultQueue } from '../../src/iommufd/fault-queue.ts';
import { GroupAttachments } from '../../src/iommufd/group-attachments.ts';
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import type { Ioas } from '../../src/iommufd/ioas.ts';
import { mapRules } from '../../src/iommufd/ioas-ioctls.ts';
import { ObjectTable } from '../../src/iommufd/object-table.ts';
import { AreaFiller } from '../../src/iommufd/page-table.ts';
import { type Hold, Pages } from '../../src/iommufd/pages.ts';
import { PfnBatch } from '../../src/iommufd/pfn-batch.ts';
import { placing } from '../../src/iommufd/placement.ts';
import { Ranges } from '../../src/iommufd/ranges.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import { VeventqFile } from '../../src/iommufd/veventq.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];

/** Methods that only their class calls. */
const inner = <T extends object>(prototype: object): T => prototype as unknown as T;

interface TableInner {
  split(this: IoPagetable, area: Area, at: bigint, offset: number): void;
  checkPiece(this: IoPagetable, pages: Pages, offset: number, prot: unknown): number;
  fillTable(this: IoPagetable, table: unknown): number;
  letGo(this: IoPagetable, area: Area): void;
}
interface AccessInner {
  change(this: Access, next: Ioas | undefined): number;
}

export const IOMMUFD_DEFECTS: readonly Defect[] = [
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
    id: 'IFD-03',
    subject,
    title: 'letting pages go, with an emulated device that holds some, lets its pages go too',
    reference: 'CVE-2023-53630, 727c28c1cef2',
    properties: [...dma, 'resource bound'],
    plant: () =>
      patch(
        Pages.prototype,
        'unpin',
        (unpin) =>
          function (this: Pages, hold) {
            unpin.call(this, hold);
            const { holds } = this as unknown as { holds: Set<Hold> };
            for (const other of holds)
              if (other.first >= hold.first && other.first <= hold.last)
                for (const run of other.runs) this.source.release(run);
          },
      ),
  },
  {
    id: 'IFD-04',
    subject,
    title: 'what does not fit a batch of pages is not carried to the next',
    reference: 'CVE-2023-53236 13a0d1ae7ee6, CVE-2023-54060 b7c822fa6b77',
    properties: dma,
    plant: () =>
      patch(
        PfnBatch.prototype,
        'carry',
        () =>
          function (this: PfnBatch) {
            this.runs.length = 0;
          },
      ),
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
    id: 'IFD-07',
    subject,
    title: 'a DESTROY that is refused keeps the reference it took',
    reference: 'CVE-2023-53795, 99f98a7c0d69',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        ObjectTable.prototype,
        'destroy',
        (destroy) =>
          function (this: ObjectTable, id) {
            const result = destroy.call(this, id);
            const object = this.get(id);
            if (result === -ERRNO.EBUSY && object !== undefined) object.users++;
            return result;
          },
      ),
  },
  {
    id: 'IFD-09',
    subject,
    title: 'an emulated device that could not change is noted where it is not',
    reference: 'CVE-2024-26786, aeb004c0cd69',
    properties: ['FSM legality', 'fd lifetime'],
    plant: () =>
      patch(
        inner<AccessInner>(Access.prototype),
        'change',
        (change) =>
          function (next) {
            const result = change.call(this, next);
            if (result < 0 && next !== undefined) this.ioas = next;
            return result;
          },
      ),
  },
  {
    id: 'IFD-13',
    subject,
    title: 'a fault queue is read again and again when the copy fails',
    reference: 'CVE-2026-64290, 172fc8b19825',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        FaultFile.prototype,
        'read',
        (read) =>
          function (this: FaultFile, caller, address, length, position) {
            let result: number;
            do result = read.call(this, caller, address, length, position);
            while (result === -ERRNO.EFAULT);
            return result;
          },
      ),
  },
  {
    id: 'IFD-14',
    subject,
    title: 'the header of an event counts four bytes too few',
    reference: 'CVE-2026-64293, be93d186ae88',
    properties: ['stream robustness', 'residual data'],
    plant: () =>
      patch(
        VeventqFile.prototype,
        'read',
        (read) =>
          function (this: VeventqFile, caller, address, length, position) {
            return read.call(this, caller, address, length + 4, position);
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
    id: 'LVU-05',
    subject,
    title: 'every piece of a write goes to the first address',
    reference: 'bb308a2, 6f6fdc5',
    properties: dma,
    plant: () =>
      patch(
        Fabric.prototype,
        'write',
        (write) =>
          function (this: Fabric, requester, iova, bytes, pasid) {
            for (let done = 0; done < bytes.length; done += 4096)
              if (!write.call(this, requester, iova, bytes.subarray(done, done + 4096), pasid)) return false;
            return true;
          },
      ),
  },
  {
    id: 'LVU-11',
    subject,
    title: 'the second part of a request goes through the first mapping',
    reference: '46ed1db, 3fe0df4',
    properties: dma,
    plant: () =>
      patch(
        Fabric.prototype,
        'read',
        (read) =>
          function (this: Fabric, requester, iova, into, pasid) {
            const mapping = this.iommu.domainOf(requester.aliasId, pasid).mappings.at(iova);
            const room = mapping === undefined ? into.length : mapping.start + mapping.length - iova;
            if (room >= into.length) return read.call(this, requester, iova, into, pasid);
            const whole = read.call(this, requester, iova, into.subarray(0, room), pasid);
            return whole && read.call(this, requester, mapping!.start, into.subarray(room), pasid);
          },
      ),
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
    id: 'IFD-OWN-04',
    subject,
    title: 'a replaced page table is not let go by all devices of the group',
    reference: 'shape of iommufd_device_do_replace: refcount_sub_and_test(num_devices - 1)',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        GroupAttachments.prototype,
        'replace',
        (replace) =>
          function (this: GroupAttachments, device, pasid, hwpt) {
            const before = this.hwpt(pasid);
            const result = replace.call(this, device, pasid, hwpt);
            if (typeof result === 'object' && result.left !== undefined) before!.users++;
            return result;
          },
      ),
  },
  {
    id: 'IFD-OWN-05',
    subject,
    title: 'memory that changes hands is charged to both',
    reference: 'shape of IOMMU_IOAS_CHANGE_PROCESS',
    properties: ['resource bound'],
    plant: () =>
      patch(
        inner<{ inherit(this: Account, heir: unknown): void }>(Account.prototype),
        'inherit',
        () =>
          function (heir) {
            const account = this as unknown as { process: unknown; mm: unknown };
            account.process = heir;
            account.mm = (heir as { memory: unknown }).memory;
          },
      ),
  },
  {
    id: 'IFD-OWN-06',
    subject,
    title: 'a page that two hold is paid back with the first that lets go',
    reference: 'shape of iopt_pages_unpin_xarray and its spans',
    properties: ['resource bound', ...dma],
    plant: () =>
      patch(
        inner<{ holding(this: Pages, page: number): Hold | undefined }>(Pages.prototype),
        'holding',
        () => () => undefined,
      ),
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
    id: 'IFD-OWN-09',
    subject,
    title: 'page requests of a device that is detached are never answered',
    reference: 'shape of iommufd_auto_response_faults',
    properties: ['stream robustness', 'reset and liveness'],
    plant: () =>
      patch(FaultQueue.prototype, 'cancel', () => () => {
        /* they wait */
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
  {
    id: 'IFD-OWN-11',
    subject,
    title: 'an address space that was a container goes, and is worked on',
    reference: 'shape of iommufd_ioas_destroy and vfio_ioas',
    properties: ['fd lifetime', 'resource bound'],
    plant: () =>
      patch(
        ObjectTable.prototype,
        'remove',
        () =>
          function (this: ObjectTable, object) {
            const { slots } = this as unknown as { slots: Map<number, unknown> };
            slots.delete(object.id);
            if (object.kind !== 'ioas') object.destroy();
          },
      ),
  },
];
