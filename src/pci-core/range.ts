/** Which part of a transfer touches a register: drivers that emulate single registers ask this. */

/** Offsets are from the start of the buffer and of the register; bytes. */
export interface RangeIntersection {
  readonly bufOffset: number;
  readonly registerOffset: number;
  readonly length: number;
}

/** vfio_pci_core_range_intersect_range: undefined if they do not touch. */
export function vfio_pci_core_range_intersect_range(
  bufStart: number,
  bufCount: number,
  regStart: number,
  regCount: number,
): RangeIntersection | undefined {
  const from = Math.max(bufStart, regStart);
  const to = Math.min(bufStart + bufCount, regStart + regCount);
  if (from >= to) return undefined;
  return { bufOffset: from - bufStart, registerOffset: from - regStart, length: to - from };
}
