/** SET_IRQS of the serial card: one INTx vector that masks itself, or one MSI (vfio.h: VFIO_DEVICE_SET_IRQS). */
import { type EventFd, eventfdOf } from '../../src/kernel/eventfd.ts';
import type { Process } from '../../src/kernel/process.ts';
import { type IrqSet, readIrqSet } from '../../src/pci-core/interrupts/irq-set.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { IRQ_SET, PCI_IRQ } from '../../src/uapi/vfio.ts';

/** Which index is on, with whom to signal. */
export class SerialIrqs {
  /** Interrupts that GET_INFO told the user of: the limit of SET_IRQS. */
  known = 0;
  private index = -1;
  private trigger: EventFd | undefined;
  private masked = false;

  setIrqs(caller: Process, argument: number): number {
    const set = readIrqSet(caller, argument, () => this.known);
    if (typeof set === 'number') return set;
    const action = set.flags & IRQ_SET.ACTION_TYPE_MASK;
    if (set.index !== PCI_IRQ.INTX && set.index !== PCI_IRQ.MSI) return -ERRNO.ENOTTY;
    if (action === IRQ_SET.ACTION_TRIGGER) return this.setTrigger(caller, set);
    if (action !== IRQ_SET.ACTION_MASK && action !== IRQ_SET.ACTION_UNMASK) return 0;
    return set.index === PCI_IRQ.INTX ? this.setMask(set, action === IRQ_SET.ACTION_MASK) : -ERRNO.ENOTTY;
  }

  /** The device interrupts. A line is masked by that until the user unmasks it. */
  raise(): void {
    if (this.trigger === undefined || this.masked) return;
    this.masked = this.index === PCI_IRQ.INTX;
    this.trigger.signal(1n);
  }

  disable(): void {
    this.index = -1;
    this.trigger = undefined;
    this.masked = false;
  }

  private setMask({ flags, start, count, data }: IrqSet, masked: boolean): number {
    if (this.index !== PCI_IRQ.INTX || start !== 0 || count !== 1) return -ERRNO.EINVAL;
    if (flags & IRQ_SET.DATA_EVENTFD) return -ERRNO.ENOTTY;
    if (flags & IRQ_SET.DATA_NONE || data!.getUint8(0) !== 0) this.masked = masked;
    return 0;
  }

  private setTrigger(caller: Process, { flags, index, start, count, data }: IrqSet): number {
    if (this.index === index && count === 0 && flags & IRQ_SET.DATA_NONE) {
      this.disable();
      return 0;
    }
    if ((this.index !== -1 && this.index !== index) || start !== 0 || count !== 1) return -ERRNO.EINVAL;
    if (flags & IRQ_SET.DATA_EVENTFD) return this.arm(caller, index, data!.getInt32(0, true));
    if (this.index !== index) return -ERRNO.EINVAL;
    if (flags & IRQ_SET.DATA_NONE || data!.getUint8(0) !== 0) this.raise();
    return 0;
  }

  private arm(caller: Process, index: number, fd: number): number {
    this.disable();
    if (fd < 0) return 0;
    const eventfd = eventfdOf(caller, fd);
    if (typeof eventfd === 'number') return eventfd;
    this.index = index;
    this.trigger = eventfd;
    return 0;
  }
}
