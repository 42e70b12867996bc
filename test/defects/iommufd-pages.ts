/** Defects of the pages behind an iommufd's mappings: who holds them, who pays; and of requests on their way to them. */
import { Fabric } from '../../sim/fabric.ts';
import { Account } from '../../src/iommufd/accounting.ts';
import { type Hold, Pages } from '../../src/iommufd/pages.ts';
import { PfnBatch } from '../../src/iommufd/pfn-batch.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const subject = 'iommufd';
const dma = ['DMA confinement'];

export const IO_PAGES_DEFECTS: readonly Defect[] = [
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
];
