/** Whether the tenant's device memory must answer now, by what the tenant itself has asked for. */
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import type { Tenant } from '../tenant.ts';

const D3HOT = 3;

/** Remembers what COMMAND reads: asking it in low power would wake the device. */
export function noteCommand(tenant: Tenant): number {
  const command = tenant.device!.read(PCI_REGION.CONFIG, PCI.COMMAND, 2);
  // VFs have no bit of their own: theirs is the PF's.
  const decodes = tenant.fn!.physical !== undefined || (command & COMMAND.MEMORY) !== 0;
  tenant.pci.command = tenant.fn!.powerState === 0 ? command : -1;
  if (command >= 0) tenant.pci.memory = decodes;
  return command;
}

export function memoryOn({ fn, pci, device }: Tenant): boolean {
  return device !== undefined && pci.memory && fn!.powerState < D3HOT && !pci.lowPower;
}

/** The tenant cannot know: calls run beside each other, or a reset in D3hot lost what it asked for. */
export function memoryUnknown({ pci, pending }: Tenant): boolean {
  return pending > 0 || pci.lost;
}
