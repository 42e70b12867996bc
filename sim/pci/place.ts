/** Where a PCI function stands. */
import type { PciFunction } from './function.ts';

/** Bus, device and function number as 16 bits: the requester id (PCIe 2.2.4.2). */
export type RequesterId = number;

/** `0000:bb:dd.f`, the name Linux gives. */
export function bdf(id: RequesterId): string {
  const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');
  return `0000:${hex(id >> 8, 2)}:${hex((id >> 3) & 0x1f, 2)}.${id & 7}`;
}

/** Where one PCI function stands: its number, and its physical function if it is virtual. */
export interface Place {
  readonly id: RequesterId;
  /** The id under which the IOMMU sees its requests: its own unless a bridge takes them over. */
  readonly aliasId: RequesterId;
  readonly physical?: PciFunction;
  readonly vf?: number;
}
