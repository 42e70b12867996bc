/** Defects of an iommufd's objects: references, attachments and queues. */
import { Access } from '../../src/iommufd/access.ts';
import { FaultFile } from '../../src/iommufd/fault-file.ts';
import { FaultQueue } from '../../src/iommufd/fault-queue.ts';
import { GroupAttachments } from '../../src/iommufd/group-attachments.ts';
import type { Ioas } from '../../src/iommufd/ioas.ts';
import { ObjectTable } from '../../src/iommufd/object-table.ts';
import { VeventqFile } from '../../src/iommufd/veventq.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';

interface AccessInner {
  change(this: Access, next: Ioas | undefined): number;
}

export const IOMMUFD_DEFECTS: readonly Defect[] = [
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
