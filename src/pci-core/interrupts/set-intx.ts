/** SET_IRQS on the INTx index (vfio_pci_intrs.c: vfio_pci_set_intx_trigger, _mask, _unmask). */
import { eventfdOf } from '../../kernel/eventfd.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import type { IrqSet } from './irq-set.ts';

const isOne = (set: IrqSet): boolean => set.start === 0 && set.count === 1;
/** No data means yes; a boolean means itself. */
const wanted = (set: IrqSet): boolean =>
  (set.flags & IRQ_SET.DATA_NONE) !== 0 || ((set.flags & IRQ_SET.DATA_BOOL) !== 0 && set.data!.getUint8(0) !== 0);

export function setIntxTrigger(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const { intx, isNone } = core.irqs;
  if (intx.isActive && set.count === 0 && set.flags & IRQ_SET.DATA_NONE) {
    intx.disable();
    return 0;
  }
  if (!(intx.isActive || isNone) || !isOne(set)) return -ERRNO.EINVAL;
  if (set.flags & IRQ_SET.DATA_EVENTFD) {
    const fd = set.data!.getInt32(0, true);
    const trigger = fd >= 0 ? eventfdOf(caller, fd) : undefined;
    if (typeof trigger === 'number') return trigger;
    return intx.isActive ? intx.setSignal(trigger) : intx.enable(trigger);
  }
  if (!intx.isActive) return -ERRNO.EINVAL;
  if (wanted(set)) intx.send();
  return 0;
}

export function setIntxMask(core: VfioPciCoreDevice, _caller: Process, set: IrqSet): number {
  const { intx } = core.irqs;
  if (!intx.isActive || !isOne(set)) return -ERRNO.EINVAL;
  if (set.flags & IRQ_SET.DATA_EVENTFD) return -ERRNO.ENOTTY;
  if (wanted(set)) intx.mask();
  return 0;
}

export function setIntxUnmask(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const { intx } = core.irqs;
  if (!intx.isActive || !isOne(set)) return -ERRNO.EINVAL;
  if (set.flags & IRQ_SET.DATA_EVENTFD) return intx.setUnmaskEventfd(caller, set.data!.getInt32(0, true));
  if (wanted(set)) intx.unmask();
  return 0;
}
