/** Shapes from the history of iommufd and the IOMMU drivers: who pays, what failed half way, queues, page tables that are written. */
import { Domain } from '../../sim/iommu/domain.ts';
import { DirtyLeaves } from '../../sim/iommu/dirty-leaves.ts';
import { Access } from '../../src/iommufd/access.ts';
import { Account } from '../../src/iommufd/accounting.ts';
import type { Area } from '../../src/iommufd/area.ts';
import { FaultQueue } from '../../src/iommufd/fault-queue.ts';
import { IommufdFile } from '../../src/iommufd/file.ts';
import { GroupAttachments } from '../../src/iommufd/group-attachments.ts';
import type { Hwpt } from '../../src/iommufd/hwpt.ts';
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import { ObjectTable } from '../../src/iommufd/object-table.ts';
import type { Hold } from '../../src/iommufd/pages.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import { Veventq } from '../../src/iommufd/veventq.ts';
import type { AddressSpace } from '../../src/kernel/address-space.ts';
import { PageFaults } from '../../src/kernel/page-faults.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];
const bound = ['resource bound'];
const records = ['stream robustness'];
const dirty = ['dirty-tracking soundness'];

export const HISTORY_IOMMUFD_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-70',
    subject,
    title: 'pages are paid back to the address space a process has now',
    reference: 'shape of iopt_pages.source_mm, do_update_pinned',
    properties: bound,
    plant: () =>
      patch(
        inner<{ payer(): { lockedPages: number } | undefined }>(Account.prototype),
        'payer',
        () =>
          function (this: object) {
            const { mode, process } = this as unknown as {
              mode: string;
              process: { user: { lockedPages: number }; memory: AddressSpace };
            };
            if (mode === 'none') return undefined;
            return mode === 'user' ? process.user : process.memory;
          },
      ),
  },
  {
    id: 'HIST-OWN-71',
    subject,
    title: 'of the files that change hands only the first is paid for by the new process',
    reference: 'shape of 829ed62649b5: iommufd: Export do_update_pinned, IOMMU_IOAS_CHANGE_PROCESS',
    properties: bound,
    plant: () => patch(Account, 'handOver', (handOver) => (accounts, heir) => handOver(accounts.slice(0, 1), heir)),
  },
  {
    id: 'HIST-OWN-72',
    subject,
    title: 'an unmap says that all went that it was asked for',
    reference: 'shape of iopt_unmap_iova_range and its unmapped bytes, b780d4',
    properties: dma,
    plant: () =>
      patch(
        IoPagetable.prototype,
        'unmap',
        (unmap) =>
          function (this: IoPagetable, start, last) {
            const result = unmap.call(this, start, last);
            return result.error === 0 && result.bytes > 0n ? { error: 0, bytes: last - start + 1n } : result;
          },
      ),
  },
  {
    id: 'HIST-OWN-73',
    subject,
    title: 'emulated devices are asked for the first page of what is unmapped',
    reference: 'shape of iommufd_access_notify_unmap',
    properties: [...dma, 'reset and liveness'],
    plant: () =>
      patch(
        Access.prototype,
        'unmap',
        (unmap) =>
          function (this: Access, iova) {
            unmap.call(this, iova, 4096n);
          },
      ),
  },
  {
    id: 'HIST-OWN-74',
    subject,
    title: 'a pin over several mappings that fails keeps what it had of the first',
    reference: 'shape of iommufd_access_pin_pages and its err_remove',
    properties: [...dma, ...bound],
    plant: () => {
      let pinning = false;
      const undo = patch(
        Access.prototype,
        'pin',
        (pin) =>
          function (this: Access, iova, length, write) {
            pinning = true;
            const result = pin.call(this, iova, length, write);
            pinning = false;
            return result;
          },
      );
      const back = patch(
        inner<{ giveBack(area: Area, which: (hold: Hold) => boolean): void }>(Access.prototype),
        'giveBack',
        (giveBack) =>
          function (this: object, area, which) {
            if (!pinning) giveBack.call(this as never, area, which);
          },
      );
      return () => {
        back();
        undo();
      };
    },
  },
  {
    id: 'HIST-OWN-75',
    subject,
    title: 'a device that could not move keeps its regions in the address space it did not come to',
    reference: 'shape of iommufd_device_do_replace and its err_unresv',
    properties: dma,
    plant: () => {
      let later: [Reserved, object][] | undefined;
      const undo = patch(
        GroupAttachments.prototype,
        'replace',
        (replace) =>
          function (this: GroupAttachments, device, pasid, hwpt) {
            later = [];
            const result = replace.call(this, device, pasid, hwpt);
            const due = typeof result === 'number' ? [] : later;
            later = undefined;
            for (const [reserved, owner] of due) reserved.removeOwner(owner);
            return result;
          },
      );
      const back = patch(
        Reserved.prototype,
        'removeOwner',
        (removeOwner) =>
          function (this: Reserved, owner) {
            if (later === undefined) removeOwner.call(this, owner);
            else later.push([this, owner]);
          },
      );
      return () => {
        back();
        undo();
      };
    },
  },
  {
    id: 'HIST-OWN-76',
    subject,
    title: 'requests of a page table that took another’s place are not answered when the device goes',
    reference: 'shape of iommufd_hwpt_replace_device: the attach handle of the domain',
    properties: records,
    plant: () =>
      patch(
        GroupAttachments.prototype,
        'replace',
        (replace) =>
          function (this: GroupAttachments, device, pasid, hwpt) {
            const { attachments } = this as unknown as { attachments: Map<number, { handle: object }> };
            const handle = attachments.get(pasid)?.handle;
            const result = replace.call(this, device, pasid, hwpt);
            const known = attachments.get(pasid);
            if (known !== undefined && handle !== undefined) known.handle = handle;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-77',
    subject,
    title: 'a cookie is given again while its group waits for an answer',
    reference: 'shape of iommufd_fault_fops_read and its xa_alloc',
    properties: records,
    plant: () => {
      const { get } = Object.getOwnPropertyDescriptor(FaultQueue.prototype, 'nextCookie')!;
      Object.defineProperty(FaultQueue.prototype, 'nextCookie', {
        configurable: true,
        get(this: FaultQueue) {
          return this.unanswered + 1;
        },
      });
      return () => Object.defineProperty(FaultQueue.prototype, 'nextCookie', { configurable: true, get: get! });
    },
  },
  {
    id: 'HIST-OWN-78',
    subject,
    title: 'a page table of the user’s goes with its last device',
    reference: 'shape of iommufd_hw_pagetable_put: auto_domain',
    properties: ['fd lifetime', ...dma],
    plant: () =>
      patch(
        ObjectTable.prototype,
        'put',
        (put) =>
          function (this: ObjectTable, object, automatic) {
            put.call(this, object, automatic || object.kind === 'hwpt-paging');
          },
      ),
  },
  {
    id: 'HIST-OWN-79',
    subject,
    title: 'an automatic page table that could not be filled stays',
    reference: '54b47585db66: keep OBJ_USER_ACTIVE, iommufd_object_abort_and_destroy',
    properties: ['fd lifetime', ...bound],
    plant: () =>
      patch(
        ObjectTable.prototype,
        'remove',
        (remove) =>
          function (this: ObjectTable, object) {
            const { automatic, ioas } = object as unknown as Partial<Hwpt>;
            if (automatic && ioas !== undefined && !ioas.table.tables.includes(object as Hwpt)) return;
            remove.call(this, object);
          },
      ),
  },
  {
    id: 'HIST-OWN-80',
    subject,
    title: 'what is mapped while a page table tracks is not tracked',
    reference: 'shape of 421a511a293f: dirty bits of entries that are made later',
    properties: dirty,
    plant: () =>
      patch(
        Domain.prototype,
        'map',
        (map) =>
          function (this: Domain, mapping) {
            const result = map.call(this, mapping);
            delete mapping.dirty;
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-81',
    subject,
    title: 'to read the dirty bits of a part of a mapping clears all of it',
    reference: 'shape of iommu_v1_read_and_clear_dirty',
    properties: dirty,
    plant: () =>
      patch(
        DirtyLeaves.prototype,
        'visit',
        (visit) =>
          function (this: DirtyLeaves, from, to, clear, show) {
            visit.call(this, from, to, clear, show);
            if (clear) visit.call(this, 0, Number.MAX_SAFE_INTEGER, true, () => {});
          },
      ),
  },
  {
    id: 'HIST-OWN-82',
    subject,
    title: 'the upper part of a mapping that was cut may be written',
    reference: 'shape of iopt_area_split: the access of the halves',
    properties: dma,
    plant: () =>
      patch(
        Domain.prototype,
        'split',
        (split) =>
          function (this: Domain, position) {
            split.call(this, position);
            const upper = this.mappings.at(position);
            if (upper?.start === position) (upper as { write: boolean }).write = true;
          },
      ),
  },
  {
    id: 'HIST-OWN-83',
    subject,
    title: 'a guest writes through a first stage what its second stage has for reading',
    reference: 'shape of b41e38e22539: disallow read-only mappings to nest parent domain',
    properties: dma,
    plant: () =>
      patch(
        Domain.prototype,
        'translateNested',
        (translate) =>
          function (this: Domain, memory, iova, write) {
            const mapping = translate.call(this, memory, iova, false);
            return mapping && (write ? { ...mapping, write: true } : mapping);
          },
      ),
  },
  {
    id: 'HIST-OWN-84',
    subject,
    title: 'the part of a group that came before its device was detached is told with the next',
    reference: 'shape of iopf_queue_remove_device: partial faults',
    properties: records,
    plant: () =>
      patch(
        PageFaults.prototype,
        'handle',
        (handle) =>
          function (this: PageFaults, requesterId, pasid, handler) {
            const { partial } = this as unknown as { partial: Map<string, unknown> };
            const kept = [...partial];
            handle.call(this, requesterId, pasid, handler);
            for (const [key, requests] of kept) partial.set(key, requests);
          },
      ),
  },
  {
    id: 'HIST-OWN-85',
    subject,
    title: 'page requests of a PASID are told as those of the device itself',
    reference: 'shape of iommufd_compose_fault_message',
    properties: records,
    plant: () =>
      patch(
        FaultQueue.prototype,
        'report',
        (report) =>
          function (this: FaultQueue, group) {
            const requests = group.requests.map((request) => ({ ...request, pasid: undefined }));
            report.call(this, { ...group, requests });
          },
      ),
  },
  {
    id: 'HIST-OWN-86',
    subject,
    title: 'each event that is lost has a record of its own',
    reference: 'shape of iommufd_vevent_handler: lost_events_header on the list',
    properties: records,
    plant: () =>
      patch(
        Veventq.prototype,
        'report',
        (report) =>
          function (this: Veventq, data) {
            const last = this.events.at(-1);
            report.call(this, data);
            if (last !== undefined && last.data === undefined && this.events.at(-2) !== last)
              this.events.splice(-1, 0, last);
          },
      ),
  },
  {
    id: 'HIST-OWN-87',
    subject,
    title: 'an iommufd promises a container’s UPDATE_VADDR, which it does not have',
    reference: 'shape of iommufd_vfio_check_extension',
    properties: ['FSM legality', ...records],
    plant: () =>
      patch(
        IommufdFile.prototype,
        'ioctl',
        (ioctl) =>
          function (this: IommufdFile, caller, request, argument) {
            if (request === VFIO.CHECK_EXTENSION && argument === EXTENSION.UPDATE_VADDR) return 1;
            return ioctl.call(this, caller, request, argument);
          },
      ),
  },
  {
    id: 'HIST-OWN-88',
    subject,
    title: 'a copy of a part of a mapping goes on to the end of it',
    reference: 'shape of iopt_get_pages: elm->length',
    properties: dma,
    plant: () =>
      patch(
        IoPagetable.prototype,
        'pieces',
        (pieces) =>
          function (this: IoPagetable, start, last) {
            const list = pieces.call(this, start, last);
            const end = this.areas.first(last, last);
            if (typeof list === 'number' || end === undefined) return list;
            return list.map((piece, i) =>
              i < list.length - 1 ? piece : { ...piece, length: piece.length + end.last - last },
            );
          },
      ),
  },
  {
    id: 'HIST-OWN-89',
    subject,
    title: 'page requests of a PASID are not answered when it is detached',
    reference: 'shape of iommufd_auto_response_faults on detach of a PASID',
    properties: records,
    plant: () =>
      patch(
        GroupAttachments.prototype,
        'detach',
        (detach) =>
          function (this: GroupAttachments, device, pasid) {
            const fault = this.hwpt(pasid)?.fault;
            if (pasid === 0 || fault === undefined) return detach.call(this, device, pasid);
            const { cancel } = fault;
            fault.cancel = () => {};
            const result = detach.call(this, device, pasid);
            fault.cancel = cancel;
            delete (fault as Partial<FaultQueue>).cancel;
            return result;
          },
      ),
  },
];
