/** The INTx line of a function, handed to a user as an eventfd (vfio_pci_intrs.c: vfio_intx_*, vfio_pci_intx_*). */
import type { EventFd } from '../../kernel/eventfd.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_IRQ } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { pci_check_and_mask_intx, pci_check_and_unmask_intx, pci_intx } from '../host-device.ts';
import { HostIrq } from '../host-irq.ts';
import { enableVirqfd, type Virqfd } from './virqfd.ts';

/** INTx of one device, once a user set it up. */
export class Intx {
  private readonly core: VfioPciCoreDevice;
  private trigger: EventFd | undefined;
  private masked = false;
  private unmaskHook: Virqfd | undefined;
  private line: HostIrq | undefined;

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
  }

  get isActive(): boolean {
    return this.core.irqs.type === PCI_IRQ.INTX;
  }
  /** Eventfds in use: the trigger, and the one that unmasks. */
  get eventfds(): number {
    return (this.trigger === undefined ? 0 : 1) + (this.unmaskHook === undefined || this.unmaskHook.isDead ? 0 : 1);
  }
  get isMasked(): boolean {
    return this.masked;
  }

  /** Takes the line; without an eventfd it is taken all the same. */
  enable(trigger: EventFd | undefined): number {
    const { core } = this;
    if (!core.irqs.isNone) return -ERRNO.EINVAL;
    if (core.pdev.irq === 0) return -ERRNO.ENODEV;
    // The name, the context, and its place among those of the device.
    const { allocation } = core.pdev.faults;
    if (allocation.fails() || allocation.fails() || allocation.fails()) return -ERRNO.ENOMEM;
    // A user who disabled INTx before setting it up must not get an interrupt now.
    this.masked = core.irqs.virqDisabled;
    if (core.pci23) pci_intx(core.pdev, !this.masked);
    // request_irq
    if (allocation.fails()) return -ERRNO.ENOMEM;
    this.trigger = trigger;
    core.irqs.type = PCI_IRQ.INTX;
    this.line = new HostIrq(core.pdev, () => this.arrived(), core.pci23 || !this.masked);
    this.line.poll();
    return 0;
  }

  /** Replaces the eventfd of an active line. */
  setSignal(trigger: EventFd | undefined): number {
    this.trigger = trigger;
    return 0;
  }

  /** Gives the line back. Hardware's INTX_DISABLE stays as it is. */
  disable(): void {
    this.unmaskHook?.disable();
    this.unmaskHook = undefined;
    this.line?.free();
    this.line = undefined;
    this.trigger = undefined;
    this.core.irqs.type = PCI_IRQ.NUM;
  }

  /** vfio_send_intx_eventfd: nothing while the user has INTx disabled. */
  send(): void {
    if (this.isActive && !this.core.irqs.virqDisabled) this.trigger?.signal();
  }

  /** vfio_pci_intx_mask: whether that changed anything. */
  mask(): boolean {
    const { core } = this;
    if (!this.isActive) {
      // Reached from COMMAND: INTX_DISABLE of a function whose INTx nobody uses is copied to hardware.
      if (core.pci23) pci_intx(core.pdev, false);
      return false;
    }
    if (this.masked) return false;
    if (core.pci23) pci_intx(core.pdev, false);
    else this.line!.disable();
    this.masked = true;
    return true;
  }

  /** vfio_pci_intx_unmask. */
  unmask(): void {
    if (this.unmaskHandler()) this.send();
  }

  /** Unmasks; true if the interrupt is still pending, so that it stays masked and has to be signalled again. */
  unmaskHandler(): boolean {
    const { core } = this;
    if (!this.isActive) {
      if (core.pci23) pci_intx(core.pdev, true);
      return false;
    }
    if (!this.masked || core.irqs.virqDisabled) return false;
    if (core.pci23) {
      this.masked = !pci_check_and_unmask_intx(core.pdev);
      return this.masked;
    }
    this.masked = false;
    this.line!.enable();
    return false;
  }

  /** An eventfd that unmasks when it is signalled; a negative fd removes it. */
  setUnmaskEventfd(caller: Process, fd: number): number {
    if (fd < 0) {
      this.unmaskHook?.disable();
      this.unmaskHook = undefined;
      return 0;
    }
    const hook = enableVirqfd(caller, fd, this.core.pdev.scheduler, this.unmaskHook, {
      handler: () => this.unmaskHandler(),
      thread: () => this.send(),
    });
    if (typeof hook === 'number') return hook;
    this.unmaskHook = hook;
    return 0;
  }

  /** vfio_intx_handler: automasked, so that a user who does not answer cannot storm the host. */
  private arrived(): void {
    const { core } = this;
    if (core.pci23) {
      if (this.masked || !pci_check_and_mask_intx(core.pdev)) return;
    } else this.line!.disable();
    this.masked = true;
    this.send();
  }
}
