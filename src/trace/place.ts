/** Where in a device's file an access went: the file offset is `index << 40`, plus the position in the region. */

/** Bytes of the file offset space of one region. */
export const REGION_SIZE = 2 ** 40;

const NAMES = ['BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM', 'config', 'VGA'];
/** VFIO_PCI_CONFIG_REGION_INDEX. */
const CONFIG = 7;

/** A region by name, and the position in it. */
export function placeOf(offset: number): string {
  if (offset < 0) return String(offset);
  const region = Math.floor(offset / REGION_SIZE);
  return `${NAMES[region] ?? `region ${region}`} + 0x${(offset % REGION_SIZE).toString(16)}`;
}

/** The position in configuration space that a file offset means; undefined: another region. */
export function configPosition(offset: number): number | undefined {
  return Math.floor(offset / REGION_SIZE) === CONFIG ? offset % REGION_SIZE : undefined;
}
