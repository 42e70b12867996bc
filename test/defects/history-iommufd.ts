/** Shapes from the history of iommufd: who pays, what failed half way, what an address space and its objects say. */
import { Domain } from '../../sim/iommu/domain.ts';
import { Access } from '../../src/iommufd/access.ts';
import { Account } from '../../src/iommufd/accounting.ts';
import type { Area } from '../../src/iommufd/area.ts';
import { IommufdFile } from '../../src/iommufd/file.ts';
import { GroupAttachments } from '../../src/iommufd/group-attachments.ts';
import type { Hwpt } from '../../src/iommufd/hwpt.ts';
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import { ObjectTable } from '../../src/iommufd/object-table.ts';
import type { Hold } from '../../src/iommufd/pages.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import type { AddressSpace } from '../../src/kernel/address-space.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];
const bound = ['resource bound'];
const records = ['stream robustness'];

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
    properties: ['fd lifetime', ...bound, 'reset and liveness'],
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
];
