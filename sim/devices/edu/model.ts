/** Registers and engines of the educational device (QEMU docs/specs/edu.rst). */
import type { DeviceModel, DevicePorts, ModelFactory, Quad } from '../../pci/model.ts';

/** Register offsets in BAR0. */
export const EDU = {
  IDENTIFICATION: 0x00,
  LIVENESS: 0x04,
  FACTORIAL: 0x08,
  STATUS: 0x20,
  INTERRUPT_STATUS: 0x24,
  INTERRUPT_RAISE: 0x60,
  INTERRUPT_ACKNOWLEDGE: 0x64,
  DMA_SOURCE: 0x80,
  DMA_DESTINATION: 0x88,
  DMA_COUNT: 0x90,
  DMA_COMMAND: 0x98,
} as const;
export const EDU_STATUS = { COMPUTING: 0x01, RAISE_FACTORIAL: 0x80 } as const;
export const EDU_DMA = { RUN: 0x01, FROM_DEVICE: 0x02, RAISE: 0x04 } as const;

/** Version 1.0 of the device: RRrr00edh. */
const IDENTIFICATION = 0x010000ed;
/** The DMA buffer inside the device. */
const BUFFER_START = 0x40000;
const BUFFER_SIZE = 4096;
const DMA_INTERRUPT = 0x100;
const FACTORIAL_INTERRUPT = 0x001;
/** The engine waits 100 ms of device time before it moves bytes. */
const DMA_DELAY = 100_000_000;
/** The recorded machine's IOMMU address width: the device itself masks DMA addresses to 28 bits. */
const DMA_MASK = 0x0fff_ffff;

/** DMA registers: four of 64 bits, each as its low and its high half. The last is the command. */
const COMMAND = 6;
const isDma = (offset: number): boolean => offset >= EDU.DMA_SOURCE && offset < EDU.DMA_SOURCE + 32 && offset % 8 === 0;

/** One device. Registers accept 4-byte accesses below 0x80 and 4- or 8-byte ones above. */
class Edu implements DeviceModel {
  private liveness = 0;
  private factorial = 0;
  private status = 0;
  private interrupts = 0;
  private readonly dma = new Uint32Array(8);
  private readonly buffer = new Uint8Array(BUFFER_SIZE);
  private readonly ports: DevicePorts;

  constructor(ports: DevicePorts) {
    this.ports = ports;
  }

  read(_bar: number, offset: number, width: number): number {
    // The model takes 4 and 8 bytes; narrower reads never reach it and answer 0.
    if (width < 4) return 0;
    switch (offset) {
      case EDU.IDENTIFICATION:
        return IDENTIFICATION;
      case EDU.LIVENESS:
        return this.liveness;
      case EDU.FACTORIAL:
        return this.factorial;
      case EDU.STATUS:
        return this.status;
      case EDU.INTERRUPT_STATUS:
        return this.interrupts;
      default:
        return isDma(offset) ? this.dma[(offset - EDU.DMA_SOURCE) / 4]! : 0xffff_ffff;
    }
  }

  write(_bar: number, offset: number, width: number, value: number): void {
    if (width !== 4) return;
    switch (offset) {
      case EDU.LIVENESS:
        this.liveness = ~value >>> 0;
        break;
      case EDU.FACTORIAL:
        this.compute(value);
        break;
      case EDU.STATUS:
        this.status = (this.status & ~EDU_STATUS.RAISE_FACTORIAL) | (value & EDU_STATUS.RAISE_FACTORIAL);
        break;
      case EDU.INTERRUPT_RAISE:
        this.raise(value);
        break;
      case EDU.INTERRUPT_ACKNOWLEDGE:
        this.lower(value);
        break;
      default:
        // Half a register written is all of it: the other half is 0 then.
        this.write8(_bar, offset, [value, 0]);
    }
  }

  // Eight bytes at once are for the DMA registers alone.
  read8(_bar: number, offset: number): Quad {
    const at = (offset - EDU.DMA_SOURCE) / 4;
    return isDma(offset) ? [this.dma[at]!, this.dma[at + 1]!] : [0xffff_ffff, 0xffff_ffff];
  }

  write8(_bar: number, offset: number, [low, high]: Quad): void {
    // Nothing changes under a running engine, and a command that starts nothing is none.
    if (!isDma(offset) || this.dma[COMMAND]! & EDU_DMA.RUN) return;
    const starts = offset === EDU.DMA_COMMAND;
    if (starts && (low & EDU_DMA.RUN) === 0) return;
    this.dma.set([low, high], (offset - EDU.DMA_SOURCE) / 4);
    if (starts) this.ports.later(DMA_DELAY, () => this.transfer());
  }

  reset(): void {
    this.liveness = this.factorial = this.status = this.interrupts = 0;
    this.dma.fill(0);
    this.buffer.fill(0);
  }

  private compute(value: number): void {
    if (this.status & EDU_STATUS.COMPUTING) return;
    this.status |= EDU_STATUS.COMPUTING;
    this.factorial = value;
    this.ports.later(0, () => {
      let result = 1;
      for (let n = Math.min(value, 34); n > 1; n--) result = Math.imul(result, n) >>> 0;
      this.factorial = value > 33 ? 0 : result;
      this.status &= ~EDU_STATUS.COMPUTING;
      if (this.status & EDU_STATUS.RAISE_FACTORIAL) this.raise(FACTORIAL_INTERRUPT);
    });
  }

  private transfer(): void {
    const { dma, buffer, ports } = this;
    const wide = (index: number): number => dma[index]! + dma[index + 1]! * 2 ** 32;
    const [source, destination, count] = [wide(0), wide(2), wide(4)];
    const out = (dma[COMMAND]! & EDU_DMA.FROM_DEVICE) !== 0;
    const at = (out ? source : destination) - BUFFER_START;
    if (at >= 0 && at + count <= BUFFER_SIZE) {
      const bytes = buffer.subarray(at, at + count);
      if (out) ports.dma.write(destination & DMA_MASK, bytes);
      else ports.dma.read(source & DMA_MASK, bytes);
    }
    dma[COMMAND]! &= ~EDU_DMA.RUN;
    if (dma[COMMAND]! & EDU_DMA.RAISE) this.raise(DMA_INTERRUPT);
  }

  private raise(bits: number): void {
    this.interrupts = (this.interrupts | bits) >>> 0;
    if (this.interrupts === 0) return;
    if (this.ports.interrupts.mode === 'intx') this.ports.interrupts.level(true);
    else this.ports.interrupts.message(0);
  }

  private lower(bits: number): void {
    this.interrupts = (this.interrupts & ~bits) >>> 0;
    if (this.interrupts === 0) this.ports.interrupts.level(false);
  }
}

export const edu: ModelFactory = (ports) => new Edu(ports);
