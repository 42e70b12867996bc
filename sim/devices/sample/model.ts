/**
 * The tally device: it counts writes to a register up to a limit, then starts again and raises an interrupt. The state
 * window is how software that owns the device moves that state; the device believes what is written there.
 */
import type { DeviceModel, DevicePorts, ModelFactory } from '../../pci/model.ts';

/** Registers in BAR 0, 4 bytes each. LIMIT takes 1 to {@link LARGEST_LIMIT} and sets COUNT to 0; TICK counts. */
export const TALLY = { ID: 0x00, LIMIT: 0x04, COUNT: 0x08, TICK: 0x0c } as const;
/** The state window, BAR 2. FREEZE 1 makes BAR 0 ignore writes; the others can be written only then. */
export const TALLY_WINDOW = { FREEZE: 0x00, LIMIT: 0x04, COUNT: 0x08 } as const;
export const TALLY_ID = 0x594c_4154;
export const LARGEST_LIMIT = 256;
const WINDOW_BAR = 2;

/** One device. Accesses of other widths than 4 read 0 and change nothing. */
class Tally implements DeviceModel {
  private limit = LARGEST_LIMIT;
  private count = 0;
  private frozen = false;
  private readonly ports: DevicePorts;

  constructor(ports: DevicePorts) {
    this.ports = ports;
  }

  read(bar: number, offset: number, width: number): number {
    if (width !== 4) return 0;
    if (offset === TALLY.LIMIT) return this.limit;
    if (offset === TALLY.COUNT) return this.count;
    if (offset !== TALLY.ID) return 0;
    return bar === WINDOW_BAR ? Number(this.frozen) : TALLY_ID;
  }

  write(bar: number, offset: number, width: number, value: number): void {
    if (width !== 4) return;
    if (bar === WINDOW_BAR) this.writeWindow(offset, value);
    else this.writeRegister(offset, value);
  }

  reset(): void {
    this.limit = LARGEST_LIMIT;
    this.count = 0;
    this.frozen = false;
  }

  private writeRegister(offset: number, value: number): void {
    if (this.frozen) return;
    if (offset === TALLY.TICK) this.tick();
    if (offset !== TALLY.LIMIT || value < 1 || value > LARGEST_LIMIT) return;
    this.limit = value;
    this.count = 0;
  }

  private tick(): void {
    if (++this.count !== this.limit) return;
    this.count = 0;
    this.ports.interrupts.message(0);
  }

  private writeWindow(offset: number, value: number): void {
    if (offset === TALLY_WINDOW.FREEZE) this.frozen = (value & 1) !== 0;
    if (!this.frozen) return;
    if (offset === TALLY_WINDOW.LIMIT) this.limit = value;
    if (offset === TALLY_WINDOW.COUNT) this.count = value;
  }
}

export const sample: ModelFactory = (ports) => new Tally(ports);
