/**
 * The tally device: it counts writes to a register up to a limit, then starts again and raises an interrupt. The state
 * window is how software that owns the device moves that state; the device believes what is written there.
 */
import type { DeviceModel, ModelFactory } from '../../pci/model.ts';

/** Registers in BAR 0, 4 bytes each. LIMIT takes 1 to {@link LARGEST_LIMIT} and sets COUNT to 0; TICK counts. */
export const TALLY = { ID: 0x00, LIMIT: 0x04, COUNT: 0x08, TICK: 0x0c } as const;
/** The state window, BAR 2. FREEZE 1 makes BAR 0 ignore writes; the others can be written only then. */
export const TALLY_WINDOW = { FREEZE: 0x00, LIMIT: 0x04, COUNT: 0x08 } as const;
export const TALLY_ID = 0x594c_4154;
export const LARGEST_LIMIT = 256;
const WINDOW_BAR = 2;

/** One device. Accesses of other widths than 4 read 0 and change nothing. */
export const sample: ModelFactory = (ports): DeviceModel => {
  let limit = LARGEST_LIMIT;
  let count = 0;
  let frozen = false;

  const tick = (): void => {
    if (++count !== limit) return;
    count = 0;
    ports.interrupts.message(0);
  };
  const writeRegister = (offset: number, value: number): void => {
    if (frozen) return;
    if (offset === TALLY.TICK) tick();
    if (offset !== TALLY.LIMIT || value < 1 || value > LARGEST_LIMIT) return;
    limit = value;
    count = 0;
  };
  const writeWindow = (offset: number, value: number): void => {
    if (offset === TALLY_WINDOW.FREEZE) frozen = (value & 1) !== 0;
    if (!frozen) return;
    if (offset === TALLY_WINDOW.LIMIT) limit = value;
    if (offset === TALLY_WINDOW.COUNT) count = value;
  };

  return {
    read(bar, offset, width) {
      if (width !== 4) return 0;
      if (offset === TALLY.LIMIT) return limit;
      if (offset === TALLY.COUNT) return count;
      if (offset !== TALLY.ID) return 0;
      return bar === WINDOW_BAR ? Number(frozen) : TALLY_ID;
    },
    write(bar, offset, width, value) {
      if (width !== 4) return;
      if (bar === WINDOW_BAR) writeWindow(offset, value);
      else writeRegister(offset, value);
    },
    reset() {
      limit = LARGEST_LIMIT;
      count = 0;
      frozen = false;
    },
  };
};
