/** What the lab knows of a tenant's PCI device beyond its interrupts: what is mapped, exported, asleep. */
import { IrqModel } from './irq-model.ts';

/** A BAR the tenant has mapped. */
export interface HeldMapping {
  readonly address: number;
  readonly bar: number;
  readonly offset: number;
}

/** A dma-buf, and whoever in the kernel has attached to it. */
export interface HeldBuffer {
  readonly fd: number;
  readonly bar: number;
  detach: (() => void) | undefined;
  /** The importer was told to let go. */
  told: boolean;
  /** Its device was closed: it is a shell. */
  dead: boolean;
}

/** A register write that an eventfd makes the kernel do. */
export interface HeldIoEvent {
  readonly bar: number;
  readonly offset: number;
  readonly width: number;
  readonly data: number;
  readonly event: number;
}

export class PciState {
  readonly irqs = new IrqModel();
  readonly mappings: HeldMapping[] = [];
  readonly buffers: HeldBuffer[] = [];
  readonly ioEvents: HeldIoEvent[] = [];
  /** COMMAND has memory on, as the tenant last read it. */
  memory = false;
  /** COMMAND as the tenant last read it of a function that was awake; -1: it is not known. */
  command = -1;
  /** Something else than the tenant ended low power: memory that was taken away stays so for importers. */
  woken = false;
  /** A reset through its bit in D3hot lost COMMAND, and nobody has written it since: its user gets what it asked for. */
  lost = false;
  /** The tenant asked for low power, and nothing has ended it that the tenant could know of. */
  lowPower = false;
  /** Messages were switched on or off while the function slept: whether its line is on when it wakes is not known. */
  muted = false;
  /** Messages of MSI that were asked for at most, by whatever request. */
  askedFor = 1;
  /** Numbers of eventfds on which signals came, since somebody last asked. */
  readonly signals: number[] = [];

  /** The device was closed. */
  closed(): void {
    this.irqs.closed();
    this.ioEvents.length = 0;
    for (const buffer of this.buffers) buffer.dead = true;
    this.lowPower = this.lost = this.woken = this.muted = false;
  }
}
