/** PCI Express capability (vfio_pci_config.c: vfio_exp_config_write). */
import { DEVCAP_FLR, DEVCTL, EXP } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { resetByUser } from '../reset.ts';
import { DefaultHandler } from './handler.ts';

/** The largest read request of the specification, in bytes. */
const MAX_READ_REQUEST = 4096;

export class ExpHandler extends DefaultHandler {
  /** After every chunk anywhere in the capability: a function reset that was asked for, and the read request size. */
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    const at = position - offset + EXP.DEVCTL;
    const before = core.shadow.get(at, 2) & DEVCTL.READRQ;
    const result = this.store(core, position, count, value);
    const control = core.shadow.get(at, 2);
    const flr = (control & DEVCTL.BCR_FLR) !== 0;
    if (flr) core.shadow.set(at, 2, control & ~DEVCTL.BCR_FLR);
    const reset = flr && (core.pdev.readConfig(position - offset + EXP.DEVCAP, 4) & DEVCAP_FLR) !== 0;
    if (reset) return this.resetThen(core, at, before, result);
    if ((control & DEVCTL.READRQ) !== before) this.applyReadRequest(core, at);
    return result;
  }

  /** Whatever the reset answers, the write succeeds: there is no error in hardware either. */
  private *resetThen(core: VfioPciCoreDevice, at: number, before: number, result: number): Task<number> {
    yield* resetByUser(core);
    if ((core.shadow.get(at, 2) & DEVCTL.READRQ) !== before) this.applyReadRequest(core, at);
    return result;
  }

  /** pcie_set_readrq: never below the payload size; a size the specification lacks changes nothing in hardware. */
  applyReadRequest(core: VfioPciCoreDevice, at: number): void {
    const { pdev } = core;
    const hardware = pdev.readConfig(at, 2);
    const payload = 128 << ((hardware & DEVCTL.PAYLOAD) >> 5);
    const size = Math.max(128 << ((core.shadow.get(at, 2) & DEVCTL.READRQ) >> 12), payload);
    if (size > MAX_READ_REQUEST) return;
    const field = Math.log2(size / 128) << 12;
    if ((hardware & DEVCTL.READRQ) !== field) pdev.writeConfig(at, 2, (hardware & ~DEVCTL.READRQ) | field);
  }
}

export const exp = new ExpHandler();
