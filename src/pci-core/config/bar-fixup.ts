/** BARs as a user sees them (vfio_pci_config.c: vfio_bar_fixup, vfio_need_bar_restore, vfio_bar_restore). */
import { BAR, COMMAND, PCI, ROM_ADDRESS_ENABLE } from '../../../sim/pci/registers.ts';
import { barFlags, ROM_RESOURCE } from '../../kernel/pci/device.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { roundupPowerOfTwo } from '../rom.ts';

/** Whether a chunk starts in a BAR or in the ROM BAR. */
export function isBar(offset: number): boolean {
  return (
    (offset >= PCI.BASE_ADDRESS_0 && offset < PCI.CARDBUS_CIS) ||
    (offset >= PCI.ROM_ADDRESS && offset < PCI.CAPABILITY_LIST)
  );
}

/**
 * Makes what the user wrote look like BARs: address bits below the size read 0, type bits are the real ones. Sizing by
 * writing all ones works, real BARs never move.
 */
export function fixupBars(core: VfioPciCoreDevice): void {
  const { shadow, pdev } = core;
  if (!shadow.bardirty) return;
  for (let i = 0; i < 6; i++) {
    const at = PCI.BASE_ADDRESS_0 + 4 * i;
    const resource = pdev.resources[i]!;
    if (resource.start === 0) {
      shadow.set(at, 4, 0);
      continue;
    }
    const value = (shadow.get(at, 4) & lowMask(resource.length)) | barFlags(resource);
    shadow.set(at, 4, value);
    // Told from the value and not from the resource: an I/O BAR at an address with bit 2 set is taken for 64 bits wide.
    if (value & BAR.MEM_64 && i < 5) {
      shadow.set(at + 4, 4, shadow.get(at + 4, 4) & highMask(resource.length));
      i++;
    }
  }
  shadow.set(PCI.ROM_ADDRESS, 4, shadow.get(PCI.ROM_ADDRESS, 4) & romMask(core));
  shadow.bardirty = false;
}

function romMask(core: VfioPciCoreDevice): number {
  const resource = core.pdev.resources[ROM_RESOURCE]!;
  if (resource.start !== 0) return lowMask(resource.length) | ROM_ADDRESS_ENABLE;
  const image = core.platformRom;
  return image === undefined ? 0 : lowMask(roundupPowerOfTwo(image.length)) | ROM_ADDRESS_ENABLE;
}

const lowMask = (length: number): number => (length >= 2 ** 32 ? 0 : -length >>> 0);
const highMask = (length: number): number => (length >= 2 ** 32 ? -(length / 2 ** 32) >>> 0 : 0xffff_ffff);

/** Whether something (a reset behind the kernel's back) took the addresses out of the hardware's BARs. */
export function needsBarRestore(core: VfioPciCoreDevice): boolean {
  const { rbar } = core.shadow;
  for (let i = 0; i < 6; i++)
    if (rbar[i] !== 0 && core.pdev.readConfig(PCI.BASE_ADDRESS_0 + 4 * i, 4) !== rbar[i]) return true;
  return false;
}

/** Writes back the addresses the host gave. A VF has no BARs of its own. */
export function restoreBars(core: VfioPciCoreDevice): void {
  const { pdev } = core;
  if (pdev.isVirtfn) return;
  const { rbar } = core.shadow;
  for (let i = 0; i < 6; i++) pdev.writeConfig(PCI.BASE_ADDRESS_0 + 4 * i, 4, rbar[i]!);
  pdev.writeConfig(PCI.ROM_ADDRESS, 4, rbar[6]!);
  if (core.nointx) pdev.writeConfig(PCI.COMMAND, 2, pdev.readConfig(PCI.COMMAND, 2) | COMMAND.INTX_DISABLE);
}
