/** Which of its own vectors a function sent, told from the message as it arrived. */
import type { Vector } from '../../../sim/interrupts.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import { CAP, MSI, MSI_FLAGS } from '../../../sim/pci/registers.ts';

/** -1: none of them has this message. */
export function vectorOf(fn: PciFunction, { address, data }: Vector): number {
  const { msix, config } = fn;
  if (fn.interruptMode === 'msix') {
    // An entry that nobody has filled in has the data of the first message, and no address.
    for (let vector = 0; vector < msix!.size; vector++)
      if (msix!.data(vector) === data && msix!.address(vector) === address) return vector;
    return -1;
  }
  const at = fn.capability(CAP.MSI);
  const flags = config.read(at + MSI.FLAGS, 2);
  const base = config.read(at + (flags & MSI_FLAGS.X64BIT ? MSI.DATA_64 : MSI.DATA_32), 2);
  return data - base;
}
