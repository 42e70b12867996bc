/** AtomicOps from a function to the root complex (drivers/pci/pci.c of Linux 7.3: pci_enable_atomic_ops_to_root). */

import { CAP, DEVCTL2_ATOMIC_REQ, EXP, EXP_TYPE } from '../../../sim/pci/registers.ts';
import type { Bridge } from '../../../sim/pci/topology.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { PciDevice } from './device.ts';

/** Lets an endpoint send atomic requests of the sizes in `mask` (completer bits of DEVCAP2): 0, or EINVAL. */
export function enableAtomicOpsToRoot(device: PciDevice, mask: number): number {
  const type = device.pcieType;
  // AtomicOp Requester Enable is reserved in VFs (9.3.5.10).
  if (device.isVirtfn || (type !== EXP_TYPE.ENDPOINT && type !== EXP_TYPE.LEG_END)) return -ERRNO.EINVAL;
  if (device.upstream === undefined) return -ERRNO.EINVAL;
  for (let bridge: Bridge | undefined = device.upstream; bridge; bridge = bridge.parent)
    if (!passes(bridge, mask)) return -ERRNO.EINVAL;
  const at = device.capability(CAP.EXP) + EXP.DEVCTL2;
  device.writeConfig(at, 2, device.readConfig(at, 2) | DEVCTL2_ATOMIC_REQ);
  return 0;
}

/** A root port must complete all the sizes, a switch port must route. */
function passes({ description }: Bridge, mask: number): boolean {
  const { kind, atomics } = description;
  if (kind === 'root-port') return ((atomics?.completes ?? 0) & mask) === mask;
  return kind === 'pcie-to-pci' || (atomics?.routes ?? false);
}
