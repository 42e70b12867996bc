/** What of struct pci_dev the library drives itself (drivers/pci/pci.c): enabling, mastering, INTx masking. */
import { COMMAND, PCI, STATUS } from '../../sim/pci/registers.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { D0, setPowerState } from '../kernel/pci/power.ts';
import { NUM_BARS } from './bars.ts';

/** Sets and clears bits of hardware's COMMAND; writes only on change. */
function changeCommand(pdev: PciDevice, set: number, clear: number): void {
  const before = pdev.readConfig(PCI.COMMAND, 2);
  const after = (before | set) & ~clear;
  if (after !== before) pdev.writeConfig(PCI.COMMAND, 2, after);
}

/** pci_clear_master. */
export function pci_clear_master(pdev: PciDevice): void {
  changeCommand(pdev, 0, COMMAND.MASTER);
}

/** pci_intx: `on` lets the function assert its INTx line. */
export function pci_intx(pdev: PciDevice, on: boolean): void {
  if (on) changeCommand(pdev, 0, COMMAND.INTX_DISABLE);
  else changeCommand(pdev, COMMAND.INTX_DISABLE, 0);
}

/** pci_enable_device: decode on for the BARs the function has, INTx allowed. Counted. */
export function pci_enable_device(pdev: PciDevice): number {
  if (++pdev.enableCount > 1) return 0;
  setPowerState(pdev, D0);
  let decode = 0;
  for (const { length, io } of pdev.resources.slice(0, NUM_BARS))
    if (length > 0) decode |= io ? COMMAND.IO : COMMAND.MEMORY;
  changeCommand(pdev, decode, pdev.irq === 0 ? 0 : COMMAND.INTX_DISABLE);
  return 0;
}

/** pci_disable_device: the last one turns mastering off; decode stays. */
export function pci_disable_device(pdev: PciDevice): void {
  if (--pdev.enableCount === 0) pci_clear_master(pdev);
}

const pending = (pdev: PciDevice): boolean => (pdev.readConfig(PCI.STATUS, 2) & STATUS.INTERRUPT) !== 0;

/** pci_check_and_mask_intx: masks if the interrupt is this function's; false if it is not. */
export function pci_check_and_mask_intx(pdev: PciDevice): boolean {
  if (!pending(pdev)) return false;
  pci_intx(pdev, false);
  return true;
}

/** pci_check_and_unmask_intx: unmasks unless the interrupt is still pending; false if it is. */
export function pci_check_and_unmask_intx(pdev: PciDevice): boolean {
  if (pending(pdev)) return false;
  pci_intx(pdev, true);
  return true;
}
