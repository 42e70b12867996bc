/** One 16550-like port. What is sent comes back: the line is looped (mtty.c: handle_bar_write, handle_bar_read). */
import { inBounds } from '../../src/kernel/oops.ts';
import { type ByteSink, store } from '../../src/variant/index.ts';
import { FORMAT } from './format.ts';
import { FCR, FIFO, IER, IIR, LCR, LSR, MCR, PORT_BYTES, REG } from './registers.ts';

type PortSection = Exclude<ReturnType<typeof FORMAT.checkSection>, number>;

/** The port's registers and its FIFO, as they migrate. */
export class Uart {
  readonly registers = new Uint8Array(PORT_BYTES);
  readonly fifo = new Uint8Array(FIFO);
  head = 0;
  tail = 0;
  count = 0;
  overrun = false;
  divisor = 0;
  fcr = 0;
  /** Bytes the FIFO takes; and how many are due an interrupt, which is none before FCR is written (mtty_init_dev). */
  size = FIFO;
  level = 0;
  /** The line to the interrupt of the card. */
  private readonly interrupt: () => void;

  constructor(interrupt: () => void) {
    this.interrupt = interrupt;
  }

  private get divisorAccess(): boolean {
    return (this.registers[REG.LCR]! & LCR.DLAB) !== 0;
  }

  read(register: number): number {
    if (this.divisorAccess && register === REG.DATA) return this.divisor & 0xff;
    if (this.divisorAccess && register === REG.IER) return this.divisor >>> 8;
    switch (register) {
      case REG.DATA:
        return this.receive();
      case REG.FCR:
        return IIR.NONE | (this.fcr & FCR.ENABLE ? IIR.FIFO : 0);
      case REG.LSR: {
        const state = LSR.EMPTY | (this.count > 0 ? LSR.DATA_READY : 0) | (this.overrun ? LSR.OVERRUN : 0);
        this.overrun = false;
        return state;
      }
      default:
        return this.registers[register]!;
    }
  }

  write(register: number, value: number): void {
    if (this.divisorAccess && register === REG.DATA) this.divisor = (this.divisor & 0xff00) | value;
    else if (this.divisorAccess && register === REG.IER) this.divisor = (this.divisor & 0x00ff) | (value << 8);
    else if (register === REG.DATA) this.send(value);
    else if (register === REG.FCR) this.control(value);
    else if (register !== REG.LSR && register !== REG.MSR) this.set(register, value);
  }

  /** The port as it goes into a stream. */
  save(into: Uint8Array): void {
    const { head, tail, count, divisor, fcr, registers, fifo } = this;
    const [dlab, overrun] = [Number(this.divisorAccess), Number(this.overrun)];
    const [max_fifo_size, intr_trigger_level] = [this.size, this.level];
    const fields = { head, tail, count, dlab, overrun, divisor, fcr, max_fifo_size, intr_trigger_level };
    FORMAT.putSection(into, fields, { registers, fifo });
  }

  /** Becomes what a stream says. Places and counts that lead outside the FIFO count as 0. */
  load({ fields, blocks }: PortSection): void {
    store(blocks.registers, into(this.registers), 0);
    store(blocks.fifo, into(this.fifo), 0);
    this.head = fields.head;
    this.tail = fields.tail;
    this.count = fields.count;
    this.overrun = fields.overrun !== 0;
    this.divisor = fields.divisor;
    this.fcr = fields.fcr;
    this.size = fields.max_fifo_size;
    this.level = fields.intr_trigger_level;
  }

  private asked(interrupt: number): boolean {
    return (this.registers[REG.IER]! & interrupt) !== 0;
  }

  private set(register: number, value: number): void {
    this.registers[register] = value;
    if (register === REG.IER && this.asked(IER.THRI) && this.count === 0) this.interrupt();
    if (register === REG.MCR && this.asked(IER.MSI) && value & (MCR.OUT2 | MCR.RTS | MCR.DTR)) this.interrupt();
  }

  private send(value: number): void {
    if (this.count >= this.size) {
      this.overrun = true;
      if (this.asked(IER.RLSI)) this.interrupt();
      return;
    }
    this.fifo[inBounds(this.head, FIFO, 'rxtx.fifo')] = value;
    this.head = (this.head + 1) % FIFO;
    this.count++;
    if (this.asked(IER.RDI) && this.count === this.level) this.interrupt();
  }

  private receive(): number {
    if (this.count === 0) return 0;
    const value = this.fifo[inBounds(this.tail, FIFO, 'rxtx.fifo')]!;
    this.tail = (this.tail + 1) % FIFO;
    this.count--;
    if (this.asked(IER.THRI) && this.count === 0) this.interrupt();
    return value;
  }

  /** The trigger bits are without effect: mtty.c sets the level to 1 after it looked at them. */
  private control(value: number): void {
    this.fcr = value;
    this.size = value & FCR.ENABLE ? FIFO : 1;
    this.level = 1;
    if ((value & FCR.CLEAR) === 0) return;
    this.head = this.tail = this.count = 0;
  }
}

const into = (bytes: Uint8Array): ByteSink => ({ write: (offset, more) => bytes.set(more, offset) });
