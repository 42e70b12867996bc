/** Defects on the way back from a call that fails in its middle: what it had taken by then is not given back. */
import { IoPagetable } from '../../src/iommufd/io-pagetable.ts';
import { FdTable } from '../../src/kernel/fd-table.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

export const FAILING_DEFECTS: readonly Defect[] = [
  {
    id: 'FLT-01',
    subject: 'vfio-pci',
    title: 'the number of a device file that cannot be made is lost',
    reference: 'shape of vfio_group_ioctl_get_device_fd without put_unused_fd',
    properties: ['resource bound'],
    plant: () =>
      patch(FdTable.prototype, 'giveBack', () => () => {
        /* it stays taken */
      }),
  },
  {
    id: 'FLT-02',
    subject: 'iommufd',
    title: 'a page table that cannot be filled keeps what it reserved',
    reference: 'shape of iopt_table_add_domain without iopt_remove_reserved_iova',
    properties: ['resource bound', 'DMA confinement'],
    plant: () =>
      patch(
        IoPagetable.prototype,
        'addTable',
        (addTable) =>
          function (this: IoPagetable, table) {
            const result = addTable.call(this, table);
            if (result === -ERRNO.ENOMEM) this.reserved.addAperture(table.features.aperture, table);
            return result;
          },
      ),
  },
];
