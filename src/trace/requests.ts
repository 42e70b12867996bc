/** ioctl requests by the names the Linux headers give them. */

import { IOMMU } from '../uapi/iommufd.ts';
import { VFIO } from '../uapi/vfio.ts';
import type { HandleKind } from './handles.ts';

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(VFIO).map(([name, number]) => [`VFIO_${name}`, number] as const),
  ...Object.entries(IOMMU).map(([name, number]) => [`IOMMU_${name}`, number] as const),
]);

/** The number of a request given by name or as a number; undefined: no such name. */
export function requestNumber(word: string): number | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return Number(word);
  return NUMBERS.get(word);
}

/** The names of requests that files of each kind answer. */
const VFIO_NAMES: Partial<Record<HandleKind, RegExp>> = {
  device: /^DEVICE_/,
  group: /^GROUP_/,
  migration: /^MIG_/,
  container: /^(IOMMU_|GET_API|CHECK_|SET_)/,
  iommufd: /^(IOMMU_|GET_API|CHECK_|SET_)/,
};

/** The name of a request on a file of this kind; undefined: the file does not know it. */
export function requestName(kind: HandleKind, request: number): string | undefined {
  const own = kind === 'iommufd' ? Object.entries(IOMMU).find(([, number]) => number === request)?.[0] : undefined;
  if (own !== undefined) return `IOMMU_${own}`;
  const names = VFIO_NAMES[kind];
  const name = Object.entries(VFIO).find(([name, number]) => number === request && names?.test(name))?.[0];
  return name === undefined ? undefined : `VFIO_${name}`;
}
