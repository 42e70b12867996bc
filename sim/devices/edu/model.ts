/** Registers and engines of the educational device (QEMU docs/specs/edu.rst). */
import type { DeviceModel, ModelFactory } from '../../pci/model.ts';

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

/** One device. Registers accept 4-byte accesses below 0x80 and 4- or 8-byte ones above. */
export const edu: ModelFactory = (ports): DeviceModel => {
  let liveness = 0;
  let factorial = 0;
  let status = 0;
  let interrupts = 0;
  const dma = new Uint32Array(8);
  const buffer = new Uint8Array(BUFFER_SIZE);

  const raise = (bits: number): void => {
    interrupts = (interrupts | bits) >>> 0;
    if (interrupts === 0) return;
    if (ports.interrupts.mode === 'intx') ports.interrupts.level(true);
    else ports.interrupts.message(0);
  };
  const lower = (bits: number): void => {
    interrupts = (interrupts & ~bits) >>> 0;
    if (interrupts === 0) ports.interrupts.level(false);
  };
  const wide = (index: number): number => dma[index]! + dma[index + 1]! * 2 ** 32;
  const transfer = (): void => {
    const [source, destination, count] = [wide(0), wide(2), wide(4)];
    const out = (dma[6]! & EDU_DMA.FROM_DEVICE) !== 0;
    const at = (out ? source : destination) - BUFFER_START;
    if (at >= 0 && at + count <= BUFFER_SIZE) {
      const bytes = buffer.subarray(at, at + count);
      if (out) ports.dma.write(destination & DMA_MASK, bytes);
      else ports.dma.read(source & DMA_MASK, bytes);
    }
    dma[6]! &= ~EDU_DMA.RUN;
    if (dma[6]! & EDU_DMA.RAISE) raise(DMA_INTERRUPT);
  };

  return {
    read(_bar, offset, width) {
      // The model takes 4 and 8 bytes; narrower reads never reach it and answer 0.
      if (width < 4) return 0;
      if (offset < 0x80 && width !== 4) return 0xffff_ffff;
      switch (offset) {
        case EDU.IDENTIFICATION:
          return IDENTIFICATION;
        case EDU.LIVENESS:
          return liveness;
        case EDU.FACTORIAL:
          return factorial;
        case EDU.STATUS:
          return status;
        case EDU.INTERRUPT_STATUS:
          return interrupts;
        default:
          if (offset >= EDU.DMA_SOURCE && offset < EDU.DMA_SOURCE + 32 && offset % 4 === 0 && width === 4)
            return dma[(offset - EDU.DMA_SOURCE) / 4]!;
          return 0xffff_ffff;
      }
    },
    // The docs allow 8 bytes for the DMA registers alone.
    read8(_bar, offset) {
      const at = (offset - EDU.DMA_SOURCE) / 4;
      return at >= 0 && at < dma.length ? [dma[at]!, dma[at + 1]!] : [0xffff_ffff, 0xffff_ffff];
    },
    write8(bar, offset, [low, high]) {
      if (offset < EDU.DMA_SOURCE) return;
      // The command register starts the engine: its low half comes last.
      this.write(bar, offset + 4, 4, high);
      this.write(bar, offset, 4, low);
    },
    write(_bar, offset, width, value) {
      if (offset < 0x80 && width !== 4) return;
      switch (offset) {
        case EDU.LIVENESS:
          liveness = ~value >>> 0;
          break;
        case EDU.FACTORIAL:
          if (status & EDU_STATUS.COMPUTING) break;
          status |= EDU_STATUS.COMPUTING;
          factorial = value;
          ports.later(0, () => {
            let result = 1;
            for (let n = Math.min(value, 34); n > 1; n--) result = Math.imul(result, n) >>> 0;
            factorial = value > 33 ? 0 : result;
            status &= ~EDU_STATUS.COMPUTING;
            if (status & EDU_STATUS.RAISE_FACTORIAL) raise(FACTORIAL_INTERRUPT);
          });
          break;
        case EDU.STATUS:
          status = (status & ~EDU_STATUS.RAISE_FACTORIAL) | (value & EDU_STATUS.RAISE_FACTORIAL);
          break;
        case EDU.INTERRUPT_RAISE:
          raise(value);
          break;
        case EDU.INTERRUPT_ACKNOWLEDGE:
          lower(value);
          break;
        default:
          if (offset < EDU.DMA_SOURCE || offset >= EDU.DMA_SOURCE + 32 || offset % 4 !== 0 || width !== 4) break;
          if (dma[6]! & EDU_DMA.RUN) break;
          dma[(offset - EDU.DMA_SOURCE) / 4] = value;
          if (offset === EDU.DMA_COMMAND && value & EDU_DMA.RUN) ports.later(DMA_DELAY, transfer);
      }
    },
    reset() {
      liveness = factorial = status = interrupts = 0;
      dma.fill(0);
      buffer.fill(0);
    },
  };
};
