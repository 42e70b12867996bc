/** Attachments of PASIDs as they must be: of a device that is alone in its group (iommufd/device.c). */
import type { IommufdReference } from './iommufd.ts';
import { newHwpt, type ReferenceDevice } from './iommufd-objects.ts';
import * as U from './u64.ts';

/** Does anything that the device is attached to report page requests? */
export const listens = ({ hwpt, pasids }: ReferenceDevice): boolean =>
  [hwpt, ...pasids.values()].some((shown) => (shown?.fault ?? 0) !== 0);

/** ATTACH of a PASID, which may be attached already: the page table's number, or an errno. */
export function attachPasid(reference: IommufdReference, device: ReferenceDevice, pasid: number, ptId: number): number {
  const { objects, features } = reference;
  const object = objects.get(ptId);
  if (object === undefined) return -U.ENOENT;
  const { hwpt, ioas } = object;
  if (ioas !== undefined) {
    // Those made by attaching are not for PASIDs; where one is to be replaced that is found out when it has been made.
    if (!device.pasids.has(pasid)) return -U.EINVAL;
    const made = newHwpt(features, ioas, true, 0, 0);
    const error = ioas.show(made);
    if (error !== 0) return error;
    ioas.hide(made);
    return -U.EINVAL;
  }
  if (hwpt === undefined) return -U.EINVAL;
  if (device.pasids.get(pasid) === hwpt) return hwpt.id;
  if (!hwpt.pasid || (device.hwpt !== undefined && !device.hwpt.pasid)) return -U.EINVAL;
  // Of a device without PASIDs the attachment is only noted.
  if (device.pasidCount > 0) {
    if (pasid >= device.pasidCount) return -U.EINVAL;
    if (hwpt.fault !== 0 && !device.pageRequests) return -U.ENODEV;
  }
  device.pasids.set(pasid, hwpt);
  return hwpt.id;
}
