/** Functions vfio-pci refuses because a user could harm the host with them (vfio_pci.c: vfio_pci_dev_in_denylist). */
import type { PciDevice } from '../kernel/pci/device.ts';

const INTEL = 0x8086;

/** QuickAssist PFs and VFs, and the data accelerators of Sapphire Rapids. */
export const DENYLIST: readonly { readonly name: string; readonly vendor: number; readonly device: number }[] = [
  { name: 'QAT_C3XXX', vendor: INTEL, device: 0x19e2 },
  { name: 'QAT_C3XXX_VF', vendor: INTEL, device: 0x19e3 },
  { name: 'QAT_C62X', vendor: INTEL, device: 0x37c8 },
  { name: 'QAT_C62X_VF', vendor: INTEL, device: 0x37c9 },
  { name: 'QAT_DH895XCC', vendor: INTEL, device: 0x0435 },
  { name: 'QAT_DH895XCC_VF', vendor: INTEL, device: 0x0443 },
  { name: 'DSA_SPR0', vendor: INTEL, device: 0x0b25 },
  { name: 'IAX_SPR0', vendor: INTEL, device: 0x0cfe },
];

export function isDenied(pdev: PciDevice): boolean {
  return DENYLIST.some(({ vendor, device }) => pdev.vendor === vendor && pdev.device === device);
}
