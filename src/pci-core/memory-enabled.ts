/** The predicate that guards every access to device memory. */
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { D3HOT } from '../kernel/pci/power.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/**
 * __vfio_pci_memory_enabled: awake, and the guest-visible COMMAND has memory on. The hardware register is never asked,
 * and functions without a memory bit of their own (VFs) have nothing to ask.
 */
export function __vfio_pci_memory_enabled(core: VfioPciCoreDevice): boolean {
  const { pdev } = core;
  if (pdev.function.powerState >= D3HOT) return false;
  return pdev.noCommandMemory || (core.shadow.vconfig[PCI.COMMAND]! & COMMAND.MEMORY) !== 0;
}
