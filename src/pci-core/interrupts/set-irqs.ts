/** VFIO_DEVICE_SET_IRQS (vfio_pci_core.c: vfio_pci_ioctl_set_irqs; vfio_pci_intrs.c: vfio_pci_set_irqs_ioctl). */
import type { Task } from '../../../sim/scheduler.ts';
import type { Result } from '../../kernel/file.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { setErrTrigger, setReqTrigger } from './err-req.ts';
import { type IrqSet, readIrqSet } from './irq-set.ts';
import { setIntxMask, setIntxTrigger, setIntxUnmask } from './set-intx.ts';
import { setMessageTrigger } from './set-messages.ts';

/** Carries out one action on one index: 0, a positive number of vectors available, or a negated errno. */
export type IrqAction = (core: VfioPciCoreDevice, caller: Process, set: IrqSet) => number;

/** What each index can do; the rest is ENOTTY. */
export const IRQ_ACTIONS: Record<number, { [action: number]: IrqAction }> = {
  [PCI_IRQ.INTX]: {
    [IRQ_SET.ACTION_MASK]: setIntxMask,
    [IRQ_SET.ACTION_UNMASK]: setIntxUnmask,
    [IRQ_SET.ACTION_TRIGGER]: setIntxTrigger,
  },
  [PCI_IRQ.MSI]: { [IRQ_SET.ACTION_TRIGGER]: setMessageTrigger },
  [PCI_IRQ.MSIX]: { [IRQ_SET.ACTION_TRIGGER]: setMessageTrigger },
  [PCI_IRQ.ERR]: { [IRQ_SET.ACTION_TRIGGER]: setErrTrigger },
  [PCI_IRQ.REQ]: { [IRQ_SET.ACTION_TRIGGER]: setReqTrigger },
};

/** The ioctl: validation, then the action under igate. */
export function vfio_pci_ioctl_set_irqs(core: VfioPciCoreDevice, caller: Process, argument: number): Result {
  const set = readIrqSet(caller, argument, (index) => core.irqs.count(index));
  if (typeof set === 'number') return set;
  if (core.igate.locked || core.memoryLock.locked) return later(core, caller, set);
  return dispatch(core, caller, set);
}

function dispatch(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const action = IRQ_ACTIONS[set.index]?.[set.flags & IRQ_SET.ACTION_TYPE_MASK];
  return action === undefined ? -ERRNO.ENOTTY : action(core, caller, set);
}

/** Messages are programmed under memory_lock: not while a reset holds it. */
function* later(core: VfioPciCoreDevice, caller: Process, set: IrqSet): Task<number> {
  yield* core.igate.lock();
  yield* core.memoryLock.lock();
  core.memoryLock.unlock();
  const result = dispatch(core, caller, set);
  core.igate.unlock();
  return result;
}
