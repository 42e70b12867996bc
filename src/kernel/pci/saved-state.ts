/** pci_save_state and pci_restore_state (drivers/pci/pci.c of Linux 7.3): what of a function survives a reset. */
import {
  AER,
  AER_REGISTERS,
  CAP,
  EXP,
  EXT_CAP,
  MSI,
  MSI_FLAGS,
  MSIX,
  MSIX_FLAGS,
  PCI,
} from '../../../sim/pci/registers.ts';
import type { PciDevice } from './device.ts';

/** What {@link saveState} keeps. */
export interface SavedState {
  /** The first 64 bytes. */
  readonly header: Uint8Array;
  /** Registers of capabilities: offset, width in bytes, value; in the order of restoration. */
  readonly registers: readonly (readonly [offset: number, width: number, value: number])[];
  /** The MSI-X table while MSI-X is on: the kernel rewrites each message and mask. */
  readonly msixTable: Uint8Array | undefined;
}

/** pci_save_pcie_state: LNKCTL and friends exist on ports and endpoints alike in version 2 capabilities. */
const EXP_REGISTERS = [EXP.DEVCTL, EXP.LNKCTL, EXP.SLTCTL, EXP.RTCTL, EXP.DEVCTL2, EXP.LNKCTL2, EXP.SLTCTL2];

/** Keeps what the kernel keeps: header, PCI Express controls, AER masks, and the message interrupts in force. */
export function saveState(device: PciDevice): SavedState {
  const config = device.function.config;
  const registers: [number, number, number][] = [];
  const keep = (at: number, width: number): void => void registers.push([at, width, config.read(at, width)]);
  const exp = device.capability(CAP.EXP);
  const version = exp ? config.read(exp + EXP.FLAGS, 1) & 0xf : 0;
  if (exp) for (const at of EXP_REGISTERS) if (version >= 2 || at < EXP.DEVCAP2) keep(exp + at, 2);
  const aer = device.extendedCapability(EXT_CAP.ERR);
  if (aer) for (const at of AER_REGISTERS) keep(aer + at, 4);
  const msi = device.capability(CAP.MSI);
  if (msi && config.read(msi + MSI.FLAGS, 2) & MSI_FLAGS.ENABLE) {
    const wide = (config.read(msi + MSI.FLAGS, 2) & MSI_FLAGS.X64BIT) !== 0;
    keep(msi + MSI.ADDRESS_LO, 4);
    if (wide) keep(msi + MSI.ADDRESS_HI, 4);
    keep(msi + (wide ? MSI.DATA_64 : MSI.DATA_32), 2);
    if (config.read(msi + MSI.FLAGS, 2) & MSI_FLAGS.MASKBIT) keep(msi + (wide ? MSI.MASK_64 : MSI.MASK_32), 4);
    keep(msi + MSI.FLAGS, 2);
  }
  const msix = device.capability(CAP.MSIX);
  const on = msix !== 0 && (config.read(msix + MSIX.FLAGS, 2) & MSIX_FLAGS.ENABLE) !== 0;
  if (on) keep(msix + MSIX.FLAGS, 2);
  return {
    header: config.bytes.slice(0, PCI.STD_HEADER_SIZEOF),
    registers,
    msixTable: on ? device.function.msix!.bytes.slice() : undefined,
  };
}

/** Puts it back: capability registers, then header dwords from the last to the first, only those that differ. */
export function restoreState(device: PciDevice, state: SavedState): void {
  const fn = device.function;
  // pci_aer_clear_status: what a reset was about is not seen again.
  const aer = device.extendedCapability(EXT_CAP.ERR);
  if (aer)
    for (const at of [AER.UNCOR_STATUS, AER.COR_STATUS])
      device.writeConfig(aer + at, 4, device.readConfig(aer + at, 4));
  if (state.msixTable !== undefined) fn.msix!.bytes.set(state.msixTable);
  for (const [at, width, value] of state.registers) device.writeConfig(at, width, value);
  const view = new DataView(state.header.buffer, state.header.byteOffset);
  for (let at = PCI.STD_HEADER_SIZEOF - 4; at >= 0; at -= 4) {
    const value = view.getUint32(at, true);
    if (device.readConfig(at, 4) !== value) device.writeConfig(at, 4, value);
  }
}
