/** One 16550-like port. What is sent comes back: the line is looped. */
import { viewOf } from '../../src/kernel/bytes.ts';

/** Bytes of I/O space of a port. */
export const PORT_BYTES = 8;
/** Bytes of a port in a migration stream. */
export const PORT_STATE = 36;
const FIFO = 16;
const REG = { DATA: 0, IER: 1, FCR: 2, LCR: 3, MCR: 4, LSR: 5, MSR: 6, SCRATCH: 7 } as const;
const DLAB = 0x80;
const LSR = { DATA_READY: 0x01, OVERRUN: 0x02, EMPTY: 0x60 } as const;
const FCR = { ENABLE: 0x01, CLEAR: 0x06 } as const;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
/** Nothing pending; both FIFO bits as long as it is enabled. */
const IIR = { NONE: 0x01, FIFO: 0xc0 } as const;

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
  size = 1;
  level: number = TRIGGER_LEVELS[0];

  private get divisorAccess(): boolean {
    return (this.registers[REG.LCR]! & DLAB) !== 0;
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
    else if (register !== REG.LSR && register !== REG.MSR) this.registers[register] = value;
  }

  /** The port as 36 bytes. */
  save(into: Uint8Array): void {
    const view = viewOf(into);
    into.set(this.registers, 0);
    into.set(this.fifo, 8);
    into.set([this.head, this.tail, this.count, this.divisorAccess ? 1 : 0, this.overrun ? 1 : 0], 24);
    view.setUint16(30, this.divisor, true);
    into.set([this.fcr, this.size, this.level], 32);
  }

  /** Takes the 36 bytes over. Places and counts are brought into the FIFO: a stream must not lead outside it. */
  load(from: Uint8Array): void {
    this.registers.set(from.subarray(0, 8));
    this.fifo.set(from.subarray(8, 24));
    [this.head, this.tail] = [from[24]! % FIFO, from[25]! % FIFO];
    this.count = Math.min(from[26]!, FIFO);
    this.overrun = from[28] !== 0;
    this.divisor = viewOf(from).getUint16(30, true);
    this.fcr = from[32]!;
    this.size = this.fcr & FCR.ENABLE ? FIFO : 1;
    this.level = from[34]!;
  }

  private send(value: number): void {
    if (this.count >= this.size) {
      this.overrun = true;
      return;
    }
    this.fifo[this.head] = value;
    this.head = (this.head + 1) % FIFO;
    this.count++;
  }

  private receive(): number {
    if (this.count === 0) return 0;
    const value = this.fifo[this.tail]!;
    this.tail = (this.tail + 1) % FIFO;
    this.count--;
    return value;
  }

  private control(value: number): void {
    this.fcr = value;
    this.size = value & FCR.ENABLE ? FIFO : 1;
    this.level = TRIGGER_LEVELS[value >>> 6]!;
    if ((value & FCR.CLEAR) === 0) return;
    this.head = this.tail = this.count = 0;
  }
}
