/** SET_IRQS on the MSI and MSI-X indices (vfio_pci_intrs.c: vfio_pci_set_msi_trigger). */
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import type { IrqSet } from './irq-set.ts';

export function setMessageTrigger(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const { messages, type, isNone } = core.irqs;
  const { index, start, count, flags } = set;
  const active = type === index;
  if (active && count === 0 && flags & IRQ_SET.DATA_NONE) {
    messages.disable();
    return 0;
  }
  if (!active && !isNone) return -ERRNO.EINVAL;
  if (flags & IRQ_SET.DATA_EVENTFD) return active ? setBlock(core, caller, set) : enable(core, caller, set);
  if (!active) return -ERRNO.EINVAL;
  for (let i = 0; i < count; i++)
    if (flags & IRQ_SET.DATA_NONE || set.data!.getUint8(i) !== 0) messages.signal(start + i);
  return 0;
}

function setBlock(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const fds = Array.from({ length: set.count }, (_, i) => set.data!.getInt32(4 * i, true));
  return core.irqs.messages.setBlock(caller, set.start, fds);
}

/** The first request decides how many vectors there are; a failing block leaves nothing on. */
function enable(core: VfioPciCoreDevice, caller: Process, set: IrqSet): number {
  const enabled = core.irqs.messages.enable(set.start + set.count, set.index);
  if (enabled !== 0) return enabled;
  const result = setBlock(core, caller, set);
  if (result < 0) core.irqs.messages.disable();
  return result;
}
