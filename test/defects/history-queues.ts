/** Shapes from the history of iommufd's queues, and of the IOMMU drivers: faults, events, and page tables that are written. */
import { DirtyLeaves } from '../../sim/iommu/dirty-leaves.ts';
import { Domain } from '../../sim/iommu/domain.ts';
import { FaultQueue } from '../../src/iommufd/fault-queue.ts';
import { GroupAttachments } from '../../src/iommufd/group-attachments.ts';
import { Veventq } from '../../src/iommufd/veventq.ts';
import { PageFaults } from '../../src/kernel/page-faults.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];
const records = ['stream robustness'];
const dirty = ['dirty-tracking soundness'];

export const HISTORY_QUEUE_DEFECTS: readonly Defect[] = [
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
