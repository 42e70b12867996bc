/** SET_IRQS on the error and request indices (vfio_pci_intrs.c: vfio_pci_set_ctx_trigger_single). */
import { type EventFd, eventfdOf } from '../../kernel/eventfd.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import type { IrqSet } from './irq-set.ts';

export function setErrTrigger(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  return setSingle(core, 'errTrigger', caller, set);
}

export function setReqTrigger(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  return setSingle(core, 'reqTrigger', caller, set);
}

/** One eventfd that the kernel signals on an event of its own. */
function setSingle(core: VfioPciCoreDevice, slot: 'errTrigger' | 'reqTrigger', caller: Process, set: IrqSet): number {
  const { flags, start, count, data } = set;
  if (start !== 0 || count > 1) return -ERRNO.EINVAL;
  const present = core[slot];
  if (flags & IRQ_SET.DATA_NONE) {
    if (present === undefined) return -ERRNO.EINVAL;
    if (count === 1) present.signal();
    else core[slot] = undefined;
    return 0;
  }
  if (data === undefined) return -ERRNO.EINVAL;
  if (flags & IRQ_SET.DATA_BOOL) {
    if (data.getUint8(0) !== 0) present?.signal();
    return 0;
  }
  const fd = data.getInt32(0, true);
  if (fd < -1) return -ERRNO.EINVAL;
  const eventfd: EventFd | number | undefined = fd === -1 ? undefined : eventfdOf(caller, fd);
  if (typeof eventfd === 'number') return eventfd;
  // vfio_pci_eventfd_replace_locked: what holds the eventfd, so that it can be replaced while events come.
  if (eventfd !== undefined && caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  core[slot] = eventfd;
  return 0;
}
