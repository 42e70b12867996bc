/** The type 0 header, and the COMMAND register in it (vfio_pci_config.c: vfio_basic_config_read and _write). */
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { Task } from '../../../sim/scheduler.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { fixupBars, isBar, needsBarRestore, restoreBars } from './bar-fixup.ts';
import { DefaultHandler } from './handler.ts';

const DECODE = COMMAND.MEMORY | COMMAND.IO;

export class HeaderHandler extends DefaultHandler {
  override read(core: VfioPciCoreDevice, position: number, count: number, offset: number): number {
    if (isBar(offset)) fixupBars(core);
    const value = super.read(core, position, count, offset);
    // A VF does not implement the memory bit: what its user wrote is shown instead.
    if (offset === PCI.COMMAND && core.pdev.noCommandMemory && value >= 0)
      return (value | (core.shadow.vconfig[PCI.COMMAND]! & COMMAND.MEMORY)) >>> 0;
    return value;
  }

  override write(
    core: VfioPciCoreDevice,
    position: number,
    count: number,
    offset: number,
    value: number,
  ): number | Task<number> {
    if (offset === PCI.COMMAND) this.beforeCommand(core, value);
    const result = this.store(core, position, count, value);
    if (offset === PCI.COMMAND) this.afterCommand(core, value);
    if (offset === PCI.COMMAND || offset === PCI.COMMAND + 1) this.emulateIntx(core);
    if (isBar(offset)) core.shadow.bardirty = true;
    return result;
  }

  /** Memory going off takes every mapping away first; decode coming on finds the BARs where the host put them. */
  beforeCommand(core: VfioPciCoreDevice, value: number): void {
    const { pdev, shadow } = core;
    if ((value & COMMAND.MEMORY) === 0) core.zapAndRevoke();
    const hardware = pdev.readConfig(PCI.COMMAND, 2);
    const comesOn = value & shadow.vconfig[PCI.COMMAND]! & ~hardware;
    const memory = (comesOn & COMMAND.MEMORY) !== 0 && !pdev.noCommandMemory;
    if (memory || (comesOn & COMMAND.IO) !== 0 || needsBarRestore(core)) restoreBars(core);
  }

  /** The guest's decode bits decide from now on. */
  afterCommand(core: VfioPciCoreDevice, value: number): void {
    const { vconfig } = core.shadow;
    vconfig[PCI.COMMAND] = (vconfig[PCI.COMMAND]! & ~DECODE) | (value & DECODE);
    core.unrevoke();
  }

  /** INTX_DISABLE is virtual; hardware follows through the mask code, which also knows of automasking. */
  emulateIntx(core: VfioPciCoreDevice): void {
    const disabled = (core.shadow.get(PCI.COMMAND, 2) & COMMAND.INTX_DISABLE) !== 0;
    if (disabled && !core.irqs.virqDisabled) {
      core.irqs.virqDisabled = true;
      core.irqs.intx.mask();
    } else if (!disabled && core.irqs.virqDisabled) {
      core.irqs.virqDisabled = false;
      core.irqs.intx.unmask();
    }
  }
}

export const header = new HeaderHandler();
