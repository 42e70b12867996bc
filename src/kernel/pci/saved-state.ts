/** pci_save_state and pci_restore_state (drivers/pci/pci.c of Linux 7.3): what of a function survives a reset. */
import { AER_REGISTERS, CAP, EXP, EXT_CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import { clearStatus } from './aer.ts';
import type { PciDevice } from './device.ts';
import { restoreSriov } from './sriov.ts';
import { enabledTranslationServices } from './translation-services.ts';

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

/** Both maximum latencies of the LTR capability, and the command register of PCI-X. */
const LTR_MAX_LATENCIES = 4;
const PCIX_CMD = 2;

/** Keeps what the kernel keeps: header, PCI Express and PCI-X controls, latencies, AER masks, messages in force. */
export function saveState(device: PciDevice): SavedState {
  const config = device.function.config;
  const registers: [number, number, number][] = [];
  const keep = (at: number, width: number): void => void registers.push([at, width, config.read(at, width)]);
  const ltr = device.extendedCapability(EXT_CAP.LTR);
  if (ltr) keep(ltr + LTR_MAX_LATENCIES, 4);
  const exp = device.capability(CAP.EXP);
  const version = exp ? config.read(exp + EXP.FLAGS, 1) & 0xf : 0;
  if (exp) for (const at of EXP_REGISTERS) if (version >= 2 || at < EXP.DEVCAP2) keep(exp + at, 2);
  for (const [at, width] of enabledTranslationServices(device)) keep(at, width);
  const aer = device.extendedCapability(EXT_CAP.ERR);
  if (aer) for (const at of AER_REGISTERS) keep(aer + at, 4);
  const pcix = device.capability(CAP.PCIX);
  if (pcix) keep(pcix + PCIX_CMD, 2);
  const msi = device.capability(CAP.MSI);
  // The kernel goes by what it has enabled itself: a user who took the enable bit back gets it again (pci_restore_msi_state).
  if (msi && device.msi !== undefined) {
    const flags = config.read(msi + MSI.FLAGS, 2);
    const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
    // The message is the one it chose, whatever the registers say by now.
    const { address, data } = device.msi;
    registers.push([msi + MSI.ADDRESS_LO, 4, address >>> 0]);
    if (wide) registers.push([msi + MSI.ADDRESS_HI, 4, Math.floor(address / 2 ** 32)]);
    registers.push([msi + (wide ? MSI.DATA_64 : MSI.DATA_32), 2, data]);
    if (flags & MSI_FLAGS.MASKBIT) keep(msi + (wide ? MSI.MASK_64 : MSI.MASK_32), 4);
    const restored = (flags & ~MSI_FLAGS.QSIZE) | (device.msi.multiple << 4) | MSI_FLAGS.ENABLE;
    registers.push([msi + MSI.FLAGS, 2, restored]);
  }
  const msix = device.capability(CAP.MSIX);
  const on = msix !== 0 && device.msixEnabled;
  if (on) {
    const flags = config.read(msix + MSIX.FLAGS, 2);
    registers.push([msix + MSIX.FLAGS, 2, (flags & ~MSIX_FLAGS.MASKALL) | MSIX_FLAGS.ENABLE]);
  }
  return {
    header: config.bytes.slice(0, PCI.STD_HEADER_SIZEOF),
    registers,
    msixTable: on ? (device.msixTable ?? device.function.msix!.bytes).slice() : undefined,
  };
}

/** Puts it back: capability registers, then header dwords from the last to the first, only those that differ. */
export function restoreState(device: PciDevice, state: SavedState): void {
  const fn = device.function;
  clearStatus(device);
  if (state.msixTable !== undefined) fn.msix!.bytes.set(state.msixTable);
  for (const register of state.registers) device.writeConfig(register[0], register[1], register[2]);
  const view = new DataView(state.header.buffer, state.header.byteOffset);
  for (let at = PCI.STD_HEADER_SIZEOF - 4; at >= 0; at -= 4) {
    const value = view.getUint32(at, true);
    if (device.readConfig(at, 4) !== value) device.writeConfig(at, 4, value);
  }
  restoreSriov(device);
}
