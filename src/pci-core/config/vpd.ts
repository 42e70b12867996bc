/** Vital product data, emulated with synchronous completion (vfio_pci_config.c: vfio_vpd_config_write). */
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { DefaultHandler } from './handler.ts';

const ADDR = 2;
const DATA = 4;
const FLAG = 0x8000;

export class VpdHandler extends DefaultHandler {
  /** A write that covers the flag (byte 3) starts a transfer; on success the flag toggles before the write returns. */
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    const result = this.store(core, position, count, value);
    if (offset > ADDR + 1 || offset + count <= ADDR + 1) return result;
    const { shadow } = core;
    const start = position - offset;
    const address = shadow.get(start + ADDR, 2);
    const at = address & ~FLAG;
    let done: boolean;
    if (address & FLAG) done = core.vpd.write(at, shadow.get(start + DATA, 4));
    else {
      const data = core.vpd.read(at);
      done = data !== undefined;
      if (data !== undefined) shadow.set(start + DATA, 4, data);
    }
    if (done) shadow.set(start + ADDR, 2, address ^ FLAG);
    return result;
  }
}

export const vpd = new VpdHandler();
