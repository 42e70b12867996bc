/** The VGA region: legacy addresses of a display controller (vfio_pci_rdwr.c: vfio_pci_vga_rw). */
import { readLegacy, writeLegacy } from '../../sim/pci/beside-bars.ts';
import type { LegacySpace } from '../../sim/pci/model.ts';
import { PCI } from '../../sim/pci/registers.ts';
import type { BarAccess, PciDevice } from '../kernel/pci/device.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { vfio_pci_core_do_io_rw } from './bar-io.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** PCI_CLASS_DISPLAY_VGA, without its programming interface. */
const CLASS_DISPLAY_VGA = 0x0300;

/** First and last address of each range; positions in the region are these addresses. */
export const VGA_RANGES: readonly { readonly first: number; readonly last: number; readonly space: LegacySpace }[] = [
  { first: 0x3b0, last: 0x3bb, space: 'io' },
  { first: 0x3c0, last: 0x3df, space: 'io' },
  { first: 0xa_0000, last: 0xb_ffff, space: 'memory' },
];

/** vfio_pci_is_vga. */
export function isVga(pdev: PciDevice): boolean {
  return pdev.readConfig(PCI.CLASS_DEVICE, 2) === CLASS_DISPLAY_VGA;
}

/** The bytes done, short at the end of a range; EINVAL outside the ranges. Whether memory is enabled is not asked. */
export function vfio_pci_vga_rw(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  length: number,
  position: number,
  iswrite: boolean,
): number {
  const range = VGA_RANGES.find(({ first, last }) => position >= first && position <= last);
  if (!core.hasVga || range === undefined) return -ERRNO.EINVAL;
  const count = Math.min(length, range.last + 1 - position);
  const io = legacyAccess(core.pdev, range.space);
  return vfio_pci_core_do_io_rw(core, false, io, caller, address, position, count, 0, 0, iswrite, 4);
}

/** vga_get and vga_put around each access are no matter here: one display answers for what its function decodes. */
function legacyAccess({ function: fn }: PciDevice, space: LegacySpace): BarAccess {
  return {
    read: (offset, width) => readLegacy(fn, space, offset, width),
    write: (offset, width, value) => writeLegacy(fn, space, offset, width, value),
  };
}
