import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/**
 * vfio_pci_memory_lock_and_enable .. _unlock_and_restore: runs `work` with hardware's memory decode on, which reaching
 * the MSI-X table needs. COMMAND is put back as it was, INTX_DISABLE included, whatever `work` did to it.
 */
export function withMemoryDecode<T>(core: VfioPciCoreDevice, work: () => T): T {
  const { pdev } = core;
  const command = pdev.readConfig(PCI.COMMAND, 2);
  if ((command & COMMAND.MEMORY) === 0) pdev.writeConfig(PCI.COMMAND, 2, command | COMMAND.MEMORY);
  const result = work();
  pdev.writeConfig(PCI.COMMAND, 2, command);
  return result;
}
