import type { PciFunction } from '../../../sim/pci/function.ts';
import { PCI, STATUS } from '../../../sim/pci/registers.ts';

/** The function has its interrupt pending. */
export function isUp({ config }: PciFunction): boolean {
  return (config.read(PCI.STATUS, 2) & STATUS.INTERRUPT) !== 0;
}
