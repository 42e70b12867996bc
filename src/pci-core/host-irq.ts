/** The host's end of a function's INTx line (kernel/irq: request_irq, disable_irq, enable_irq): level triggered. */
import type { PciDevice } from '../kernel/pci/device.ts';

export class HostIrq {
  private readonly pdev: PciDevice;
  private readonly handler: () => void;
  private enabled: boolean;

  /** Takes the line. `enabled` false: IRQF_NO_AUTOEN. A line that is up already interrupts at once. */
  constructor(pdev: PciDevice, handler: () => void, enabled: boolean) {
    this.pdev = pdev;
    this.handler = handler;
    this.enabled = enabled;
    pdev.function.intx.onRise = () => this.poll();
  }

  /** disable_irq_nosync. */
  disable(): void {
    this.enabled = false;
  }

  /** enable_irq: a line that is still up interrupts again. */
  enable(): void {
    this.enabled = true;
    this.poll();
  }

  /** Calls the handler if the line is up. */
  poll(): void {
    if (this.enabled && this.pdev.function.intx.asserted) this.handler();
  }

  free(): void {
    this.pdev.function.intx.onRise = undefined;
  }
}
