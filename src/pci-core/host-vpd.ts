/** Vital product data of a function as the PCI core moves it (drivers/pci/vpd.c: pci_read_vpd, pci_write_vpd). */
import { CAP, VPD, VPD_ADDR_F } from '../../sim/pci/registers.ts';
import type { PciDevice } from '../kernel/pci/device.ts';

/** Largest VPD (PCI_VPD_MAX_SIZE). */
const MAX_SIZE = 0x8000;

/** Vital product data of one device, as the host reads and writes it. */
export class HostVpd {
  private readonly pdev: PciDevice;
  constructor(pdev: PciDevice) {
    this.pdev = pdev;
  }

  /** Four bytes at `at`; 0 beyond the end; undefined when the device does not complete in time. */
  read(at: number): number | undefined {
    if (at % 4 !== 0 || at + 4 > MAX_SIZE) return 0;
    const cap = this.pdev.capability(CAP.VPD);
    this.pdev.writeConfig(cap + VPD.ADDR, 2, at);
    if ((this.pdev.readConfig(cap + VPD.ADDR, 2) & VPD_ADDR_F) === 0) return undefined;
    return this.pdev.readConfig(cap + VPD.DATA, 4);
  }

  /** False if `at` is not aligned or beyond the end, or the device does not complete in time. */
  write(at: number, value: number): boolean {
    if (at % 4 !== 0 || at + 4 > MAX_SIZE) return false;
    const cap = this.pdev.capability(CAP.VPD);
    this.pdev.writeConfig(cap + VPD.DATA, 4, value);
    this.pdev.writeConfig(cap + VPD.ADDR, 2, at | VPD_ADDR_F);
    return (this.pdev.readConfig(cap + VPD.ADDR, 2) & VPD_ADDR_F) === 0;
  }
}
