/** The INTx pin of one function (PCIe 6.1.2, 7.5.1.1.3). */
import type { ConfigSpace } from './config-space.ts';
import { COMMAND, PCI, STATUS } from './registers.ts';

/** Follows the interrupt status bit, unless the line is disabled or replaced by messages. */
export class IntxLine {
  /** Who is told when the line rises: the host's handler. */
  onRise: (() => void) | undefined;
  private line = false;
  private readonly config: ConfigSpace;

  constructor(config: ConfigSpace) {
    this.config = config;
  }

  /** Whether the pin is asserted now. */
  get asserted(): boolean {
    return this.line;
  }

  /** The device raises or lowers its interrupt; `mode` is what its interrupts are sent as. */
  set(asserted: boolean, mode: string): void {
    const status = this.config.read(PCI.STATUS, 2);
    this.config.set(PCI.STATUS, 2, asserted ? status | STATUS.INTERRUPT : status & ~STATUS.INTERRUPT);
    this.update(mode);
  }

  /** COMMAND or the mode may have changed. */
  update(mode: string): void {
    const asserted =
      (this.config.read(PCI.STATUS, 2) & STATUS.INTERRUPT) !== 0 &&
      (this.config.read(PCI.COMMAND, 2) & COMMAND.INTX_DISABLE) === 0 &&
      mode === 'intx';
    const rose = asserted && !this.line;
    this.line = asserted;
    if (rose) this.onRise?.();
  }

  reset(): void {
    this.line = false;
  }
}
