/** ioctl requests by the names the Linux headers give them. */

import { IOMMU } from '../uapi/iommufd.ts';
import { VFIO } from '../uapi/vfio.ts';

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(VFIO).map(([name, number]) => [`VFIO_${name}`, number] as const),
  ...Object.entries(IOMMU).map(([name, number]) => [`IOMMU_${name}`, number] as const),
]);

/** The number of a request given by name or as a number; undefined: no such name. */
export function requestNumber(word: string): number | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return Number(word);
  return NUMBERS.get(word);
}
