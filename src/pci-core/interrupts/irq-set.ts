/** The argument of VFIO_DEVICE_SET_IRQS, and its checks (vfio_main.c: vfio_set_irqs_validate_and_prepare). */
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET, irq_set, PCI_IRQ } from '../../uapi/vfio.ts';

/** A checked request. `data` is undefined for no data, and for a count of 0. */
export interface IrqSet {
  readonly flags: number;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  readonly data: DataView | undefined;
}

const KNOWN_FLAGS = IRQ_SET.DATA_TYPE_MASK | IRQ_SET.ACTION_TYPE_MASK;
const U32_MAX = 0xffff_ffff;
/** Bytes of data per interrupt, by data type; exactly one type must be given. */
const DATA_SIZE = new Map<number, number>([
  [IRQ_SET.DATA_NONE, 0],
  [IRQ_SET.DATA_BOOL, 1],
  [IRQ_SET.DATA_EVENTFD, 4],
]);

const bytes = zeroedBytes(irq_set.size);
const view = viewOf(bytes);

/** Copies and checks the request; `limit` is the number of interrupts of an index. A negated errno if it is refused. */
export function readIrqSet(caller: Process, argument: number, limit: (index: number) => number): IrqSet | number {
  if (!caller.copyFromUserInto(argument, bytes)) return -ERRNO.EFAULT;
  const { at } = irq_set;
  const flags = view.getUint32(at.flags, true);
  const index = view.getUint32(at.index, true);
  const start = view.getUint32(at.start, true);
  const count = view.getUint32(at.count, true);
  const set = { flags, index, start, count, data: undefined };
  const size = irqSetRules.dataSize(view.getUint32(at.argsz, true), set, limit(index));
  if (size < 0) return size;
  if (size === 0) return set;
  // memdup_user
  if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const data = caller.copyFromUser(argument + irq_set.size, size);
  return data === undefined ? -ERRNO.EFAULT : { flags, index, start, count, data: viewOf(data) };
}

/** The checks of the argument, replaceable one by one. */
export const irqSetRules = {
  /** Within the index: an index that the device lacks has limit 0, so even a count of 0 is refused. */
  inRange: (start: number, count: number, limit: number): boolean =>
    count < U32_MAX - start && start < limit && start + count <= limit,

  /** Bytes of data behind the struct, or EINVAL. */
  dataSize(argsz: number, set: Omit<IrqSet, 'data'>, limit: number): number {
    const { flags, index, start, count } = set;
    if (argsz < irq_set.size || index >= PCI_IRQ.NUM) return -ERRNO.EINVAL;
    if ((flags & ~KNOWN_FLAGS) !== 0 || !irqSetRules.inRange(start, count, limit)) return -ERRNO.EINVAL;
    const size = DATA_SIZE.get(flags & IRQ_SET.DATA_TYPE_MASK);
    if (size === undefined || argsz - irq_set.size < count * size) return -ERRNO.EINVAL;
    return count * size;
  },
};
