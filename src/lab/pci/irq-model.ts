/**
 * What a tenant's interrupts must be, by its own account: the rules of VFIO_DEVICE_SET_IRQS written down a second time
 * (include/uapi/linux/vfio.h, struct vfio_irq_set). Eventfds are numbers in the tenant's list; -1: none.
 */
import { ERRNO } from '../../uapi/errno.ts';
import { IRQ_SET, PCI_IRQ } from '../../uapi/vfio.ts';

const { ACTION_TYPE_MASK, ACTION_MASK, ACTION_TRIGGER, ACTION_UNMASK, DATA_NONE, DATA_BOOL, DATA_EVENTFD } = IRQ_SET;
const NONE = -1;
/** Vectors the lab arms at most. */
export const MOST_VECTORS = 8;

/** One SET_IRQS: eventfds as numbers of the list, booleans as 0 and 1. */
export interface IrqRequest {
  readonly index: number;
  readonly flags: number;
  readonly start: number;
  readonly count: number;
  readonly data: readonly number[];
}

export class IrqModel {
  /** INTX, MSI or MSIX while that is set up; PCI_IRQ.NUM: none. */
  type: number = PCI_IRQ.NUM;
  intx = NONE;
  /** What the request under way replaces: the line may still interrupt on it. */
  replaced = NONE;
  /** The line waits for an unmask: masked by the user, or by an interrupt that came. */
  masked = false;
  /** The user disabled INTx in COMMAND. */
  disabled = false;
  unmaskBy = NONE;
  err = NONE;
  req = NONE;
  wake = NONE;
  readonly messages: number[] = new Array(MOST_VECTORS).fill(NONE);
  /** Vectors there were when the index was set up: more come only one by one. */
  allocated = 0;
  /** A request failed half-way, or ran beside others: what is armed now is not known. */
  unsure = false;
  /** Work that a signal set off may still be under way. */
  deferred = false;
  /** MSI: the user took the enable bit away. */
  silenced = false;

  /**
   * What a request allows to come before its call returns: what it arms or unmasks. Gives what was before, to go back
   * to if it fails; undefined: the request has to be followed when it has succeeded.
   */
  anticipate(request: IrqRequest): IrqModel | undefined {
    const { index, flags } = request;
    const eventfds = (flags & DATA_EVENTFD) !== 0;
    const arms = eventfds && (flags & ACTION_TYPE_MASK) === ACTION_TRIGGER && this.fits(request);
    const unmasks = !eventfds && (flags & ACTION_TYPE_MASK) === ACTION_UNMASK && index === PCI_IRQ.INTX;
    if (!arms && !unmasks) return undefined;
    const before = Object.assign(new IrqModel(), this, { messages: [...this.messages] });
    this.replaced = this.intx;
    this.follow(request);
    return before;
  }

  /** Back to what was before a request that failed. */
  back(before: IrqModel): void {
    const { messages } = this;
    // What interrupted meanwhile is masked all the same.
    const masked = before.masked || this.masked;
    for (const [vector, event] of before.messages.entries()) messages[vector] = event;
    Object.assign(this, before, { messages, masked });
  }

  /** Within what the model has room for, and not beside another index. */
  private fits({ index, start, count }: IrqRequest): boolean {
    const free = index > PCI_IRQ.MSIX || this.type === PCI_IRQ.NUM || this.type === index;
    return free && start + count <= MOST_VECTORS && count > 0;
  }

  /** A request that succeeded. */
  follow(request: IrqRequest): void {
    const { index, flags, count } = request;
    const action = flags & ACTION_TYPE_MASK;
    if (index === PCI_IRQ.ERR || index === PCI_IRQ.REQ) this.single(request);
    else if (action === ACTION_TRIGGER) {
      if (flags & DATA_NONE && count === 0) this.off();
      else if (flags & DATA_EVENTFD) this.arm(request);
    } else this.mask(request, action === ACTION_MASK);
  }

  /** A request that failed: a block of vectors may be gone in part (vfio_pci_intrs.c: vfio_msi_set_block). */
  failed({ index, flags, start, count, data }: IrqRequest, result: number, noEventfd: number): void {
    if (this.type !== index || index === PCI_IRQ.INTX || index > PCI_IRQ.MSIX || (flags & DATA_EVENTFD) === 0) return;
    const bad = data.indexOf(noEventfd);
    // What came before the one that failed is disarmed with it.
    if (result === -ERRNO.EBADF && bad >= 0 && start + bad < MOST_VECTORS) {
      this.messages.fill(NONE, start, start + bad + 1);
      return;
    }
    if ((flags & ACTION_TYPE_MASK) === ACTION_TRIGGER && start < MOST_VECTORS && count <= MOST_VECTORS)
      this.unsure = true;
  }

  /** Nothing is set up any more. */
  off(): void {
    this.type = PCI_IRQ.NUM;
    this.intx = this.unmaskBy = NONE;
    this.masked = this.unsure = this.silenced = this.deferred = false;
    this.allocated = 0;
    this.messages.fill(NONE);
  }

  /** The device was closed. */
  closed(): void {
    this.off();
    this.err = this.req = this.wake = NONE;
    this.disabled = false;
  }

  /** COMMAND as the user reads it now. */
  disable(on: boolean): void {
    if (on === this.disabled) return;
    this.disabled = on;
    if (this.type === PCI_IRQ.INTX) this.masked = on;
  }

  /** What is unmasked may come again. */
  unmask(): void {
    if (!this.disabled) this.masked = false;
  }

  /** A line that is set up without an eventfd: its interrupt came and was masked, and nobody was told. */
  cameUntold(up: boolean): void {
    if (up && this.type === PCI_IRQ.INTX && this.intx < 0) this.masked = true;
  }

  /** Whether something is armed with the eventfd. */
  uses(event: number): boolean {
    if (event === this.err || event === this.req || event === this.wake) return true;
    return event === this.intx || this.messages.includes(event);
  }

  private single({ index, flags, count, data }: IrqRequest): void {
    const event = flags & DATA_NONE ? NONE : (data[0] ?? NONE);
    if (flags & DATA_BOOL || (flags & DATA_NONE && count === 1)) return;
    if (index === PCI_IRQ.ERR) this.err = event;
    else this.req = event;
  }

  private arm({ index, start, count, data }: IrqRequest): void {
    if (index === PCI_IRQ.INTX) {
      if (this.type !== index) this.masked = this.disabled;
      this.intx = data[0] ?? NONE;
    } else {
      if (this.type !== index) this.allocated = start + count;
      for (let i = 0; i < count; i++) this.messages[start + i] = data[i] ?? NONE;
    }
    this.type = index;
  }

  private mask({ flags, data }: IrqRequest, on: boolean): void {
    if (flags & DATA_EVENTFD) this.unmaskBy = data[0] ?? NONE;
    else if (flags & DATA_NONE || data[0] !== 0) {
      if (on) this.masked = true;
      else this.unmask();
    }
  }
}
