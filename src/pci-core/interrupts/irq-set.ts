/** The argument of VFIO_DEVICE_SET_IRQS, and its checks (vfio_main.c: vfio_set_irqs_validate_and_prepare). */
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

/** Copies and checks the request; `limit` is the number of interrupts of an index. A negated errno if it is refused. */
export function readIrqSet(caller: Process, argument: number, limit: (index: number) => number): IrqSet | number {
  const bytes = caller.memory.copyIn(argument, irq_set.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const field = (name: keyof typeof irq_set.at): number => view.getUint32(irq_set.at[name], true);
  const set = { flags: field('flags'), index: field('index'), start: field('start'), count: field('count') };
  const size = irqSetRules.dataSize(field('argsz'), set, limit(set.index));
  if (size < 0) return size;
  if (size === 0) return { ...set, data: undefined };
  const data = caller.memory.copyIn(argument + irq_set.size, size);
  if (data === undefined) return -ERRNO.EFAULT;
  return { ...set, data: new DataView(data.buffer, data.byteOffset, size) };
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
