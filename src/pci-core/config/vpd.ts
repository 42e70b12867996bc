/** Vital product data, emulated with synchronous completion (vfio_pci_config.c: vfio_vpd_config_write). */
import { VPD, VPD_ADDR_F } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { DefaultHandler } from './handler.ts';

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
    if (offset > VPD.ADDR + 1 || offset + count <= VPD.ADDR + 1) return result;
    const { shadow } = core;
    const start = position - offset;
    const address = shadow.get(start + VPD.ADDR, 2);
    const at = address & ~VPD_ADDR_F;
    let done: boolean;
    if (address & VPD_ADDR_F) done = core.vpd.write(at, shadow.get(start + VPD.DATA, 4));
    else {
      const data = core.vpd.read(at);
      done = data !== undefined;
      if (data !== undefined) shadow.set(start + VPD.DATA, 4, data);
    }
    if (done) shadow.set(start + VPD.ADDR, 2, address ^ VPD_ADDR_F);
    return result;
  }
}

export const vpd = new VpdHandler();
