/** The expansion ROM of a device as its region shows it (vfio_pci_core.c, vfio_pci_rdwr.c). */
import { ROM_RESOURCE } from '../kernel/pci/device.ts';
import { readRom } from '../kernel/pci/rom.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** The smallest power of two not below `n` (roundup_pow_of_two). */
export function roundupPowerOfTwo(n: number): number {
  let size = 1;
  while (size < n) size *= 2;
  return size;
}

/** The valid part of the ROM, or the platform's image for a function without a ROM BAR; undefined: neither. */
export function mapRom(core: VfioPciCoreDevice): Uint8Array | undefined {
  return core.pdev.resources[ROM_RESOURCE]!.start === 0 ? core.platformRom : readRom(core.pdev);
}
