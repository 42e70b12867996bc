/** Advanced features capability: FLR of conventional functions (vfio_pci_config.c: vfio_af_config_write). */
import { AF, AF_CAP, AF_CTRL_FLR } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { resetByUser } from '../reset.ts';
import { DefaultHandler } from './handler.ts';

export class AfHandler extends DefaultHandler {
  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    const result = this.store(core, position, count, value);
    const start = position - offset;
    const control = core.shadow.get(start + AF.CTRL, 1);
    if ((control & AF_CTRL_FLR) === 0) return result;
    core.shadow.set(start + AF.CTRL, 1, control & ~AF_CTRL_FLR);
    const both = AF_CAP.TP | AF_CAP.FLR;
    if ((core.pdev.readConfig(start + AF.CAP, 1) & both) !== both) return result;
    return this.resetThen(core, result);
  }

  private *resetThen(core: VfioPciCoreDevice, result: number): Task<number> {
    yield* resetByUser(core);
    return result;
  }
}

export const af = new AfHandler();
