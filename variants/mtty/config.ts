/** Configuration space of the emulated serial card: bytes, of which a user may write few. */
import { viewOf, zeroedBytes } from '../../src/kernel/bytes.ts';
import { PORT_BYTES } from './registers.ts';

/** What region info says, and what is really there: accesses are not held against the size. */
export const CONFIG_SIZE = 0xff;
const ROOM = 0x1000;
const BAR0 = 0x10;
const BAR1 = 0x14;
const BAR2 = 0x18;
const BAR4 = 0x20;
const INTERRUPT_LINE = 0x3c;
/** An I/O BAR. */
const IO = 1;

/** A WCH-like multiport card: class 07.00.02, I/O BARs of 8 bytes, INTx pin A, and its name in plain text. */
const HEADER = '4843533201000002100200070000000001000000';
const REGISTERS: readonly (readonly [at: number, bytes: string])[] = [
  [0x2c, '48435332'],
  [0x3d, '01'],
  [0x40, '23000080230000002300000023000000'],
  [0x60, Buffer.from('PCI Serial/UART').toString('hex')],
];

/** The space of one device with `ports` ports. */
export class SerialConfig {
  readonly bytes = zeroedBytes(ROOM);
  private readonly view = viewOf(this.bytes);
  private readonly ports: number;

  constructor(ports: number) {
    this.ports = ports;
    this.bytes.set(Buffer.from(HEADER, 'hex'));
    for (const [at, bytes] of REGISTERS) this.bytes.set(Buffer.from(bytes, 'hex'), at);
    if (ports === 2) this.view.setUint32(BAR1, IO, true);
  }

  read(at: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(at, at + into.length));
  }

  /** One access of 1, 2 or 4 bytes. Everything but the line and the BARs of its ports is dropped. */
  write(at: number, bytes: Uint8Array): void {
    if (at === INTERRUPT_LINE) this.bytes[at] = bytes[0]!;
    else if (at === BAR0 || (at === BAR1 && this.ports === 2)) {
      if (bytes.length < 4) return;
      const value = viewOf(bytes).getUint32(0, true);
      this.view.setUint32(at, value === 0xffff_ffff ? (-PORT_BYTES | IO) >>> 0 : (value | IO) >>> 0, true);
    } else if (at >= BAR2 && at <= BAR4) this.view.setUint32(at & ~3, 0, true);
  }
}
