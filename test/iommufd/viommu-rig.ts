/** A guest's virtual IOMMU, with devices and page tables to put into it. */
import { HWPT_DATA, VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { type Fields, PLAIN, Rig } from './rig.ts';

/** A vIOMMU on a parent that shows 64 KiB at 1 MiB. */
export function rigged(type: number = VIOMMU_TYPE.ARM_SMMUV3) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const memory = rig.allocate(0x1_0000);
  rig.map(ioas, 0x10_0000, memory, 0x1_0000);
  const parent = rig.parent(device, ioas);
  const viommu = rig.make('VIOMMU_ALLOC', { type, dev_id: device.id, hwpt_id: parent });
  const vdevice = (virt_id: number | bigint, of = device): number =>
    rig.make('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: of.id, virt_id });
  /** A nested page table by a stream table entry. */
  const nested = (low: number | bigint, high: number | bigint = 0, more: Fields = {}, flags = 0): number => {
    const data = rig.allocate(0x1000);
    rig.put(data, low, high);
    const fields = { data_type: HWPT_DATA.ARM_SMMUV3, data_len: 16, data_uptr: data, ...more };
    return rig.hwpt(device, viommu, flags, fields);
  };
  return { rig, device, ioas, memory, parent, viommu, vdevice, nested };
}
