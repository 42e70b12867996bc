/** Functions whose INTx is broken beyond use (vfio_pci_core.c: vfio_pci_nointx). */
import type { PciDevice } from '../kernel/pci/device.ts';

const INTEL = 0x8086;
/** First and last device id: i40e (XL710, X710, XXV710), and X550. */
export const NOINTX: readonly (readonly [number, number, number])[] = [
  [INTEL, 0x1572, 0x1572],
  [INTEL, 0x1574, 0x1574],
  [INTEL, 0x1580, 0x1581],
  [INTEL, 0x1583, 0x158b],
  [INTEL, 0x37d0, 0x37d2],
  [INTEL, 0x1563, 0x1563],
];

export function hasBrokenIntx(pdev: PciDevice): boolean {
  return NOINTX.some(([vendor, first, last]) => pdev.vendor === vendor && pdev.device >= first && pdev.device <= last);
}
