/** Which AtomicOps the root complex completes for a device (vfio_pci_core.c: vfio_pci_info_atomic_cap). */
import { CAP, DEVCAP2_ATOMIC, EXP } from '../../sim/pci/registers.ts';
import { enableAtomicOpsToRoot } from '../kernel/pci/atomics.ts';
import type { PciDevice } from '../kernel/pci/device.ts';

/** Bits of VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, by the completer bit of DEVCAP2. */
const SIZES: readonly (readonly [completer: number, flag: number])[] = [
  [DEVCAP2_ATOMIC.COMP32, 1],
  [DEVCAP2_ATOMIC.COMP64, 2],
  [DEVCAP2_ATOMIC.COMP128, 4],
];

/**
 * The sizes that both the function and the root port complete; 0: none. A VF stands under its PF's control register.
 * Asking has an effect: the function may send such requests from then on.
 */
export function atomicCompletion(pdev: PciDevice): number {
  const physical = pdev.physfn ?? pdev;
  const at = physical.capability(CAP.EXP);
  if (at === 0) return 0;
  const capabilities = physical.readConfig(at + EXP.DEVCAP2, 4);
  let flags = 0;
  for (const [completer, flag] of SIZES)
    if (capabilities & completer && enableAtomicOpsToRoot(physical, completer) === 0) flags |= flag;
  return flags;
}
