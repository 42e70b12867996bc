/** ioctl requests by the names the Linux headers give them. */
import { VFIO } from '../uapi/vfio.ts';
import { IOMMUFD } from './iommufd.ts';

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(VFIO).map(([name, number]) => [`VFIO_${name}`, number] as const),
  ...Object.entries(IOMMUFD).map(([name, { number }]) => [name, number] as const),
]);

/** The number of a request given by name or as a number; undefined: no such name. */
export function requestNumber(word: string): number | undefined {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return Number(word);
  return NUMBERS.get(word);
}
