/**
 * How a file offset of a device fd names a region and a place in it (VFIO_PCI_OFFSET_SHIFT, vfio_pci_core.h). The shift
 * is a parameter of the device: a driver may need regions larger than 2^40 bytes.
 */

/** VFIO_PCI_OFFSET_SHIFT. */
export const VFIO_PCI_OFFSET_SHIFT = 40;

/** 2^shift; the usual shift without asking the C library, which is what ** does. */
const sizeOf = (shift: number): number => (shift === VFIO_PCI_OFFSET_SHIFT ? 0x100_0000_0000 : 2 ** shift);

/** Region index of a file offset (VFIO_PCI_OFFSET_TO_INDEX). */
export function offsetToIndex(offset: number, shift = VFIO_PCI_OFFSET_SHIFT): number {
  return Math.floor(offset / sizeOf(shift));
}

/** Position within the region (offset & VFIO_PCI_OFFSET_MASK). */
export function offsetInRegion(offset: number, shift = VFIO_PCI_OFFSET_SHIFT): number {
  const size = sizeOf(shift);
  return offset - Math.floor(offset / size) * size;
}

/** File offset of a region's first byte (VFIO_PCI_INDEX_TO_OFFSET); 64 bits, as user space sees it. */
export function indexToOffset(index: number, shift = VFIO_PCI_OFFSET_SHIFT): bigint {
  return BigInt(index) << BigInt(shift);
}
